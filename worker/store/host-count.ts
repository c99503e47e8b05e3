import { and, count, eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { node } from '../tables/fleet.ts';

/** Hosts that were not deleted, connected or not: read from the index of their names alone. */
export async function countHosts(db: D1Database): Promise<number> {
  // Literal, as a partial index needs it.
  const existing = and(eq(node.kind, 'host'), sql`deleted_at IS NULL`);
  const row = await drizzle(db).select({ hosts: count() }).from(node).where(existing).get();
  return row?.hosts ?? 0;
}
