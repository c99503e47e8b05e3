import { and, eq, inArray, isNull, notExists, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { activeDrainStatuses } from '../../schema/drain.ts';
import { drain } from '../tables/drains.ts';
import { node } from '../tables/fleet.ts';

/** Idempotent: the first `cordoned_at` is kept. */
export async function cordon(db: D1Database, hostId: string, now: number): Promise<void> {
  await cordonStatement(db, hostId, now);
}

export function cordonStatement(db: D1Database, hostId: string, now: number) {
  return drizzle(db)
    .update(node)
    .set({ cordoned_at: now })
    .where(and(eq(node.id, hostId), isNull(node.cordoned_at)));
}

/** Returns false while the host has an active drain. A single statement, so no drain can start in between. */
export async function uncordon(db: D1Database, hostId: string): Promise<boolean> {
  const orm = drizzle(db);
  const draining = orm
    .select({ one: sql`1` })
    .from(drain)
    .where(and(eq(drain.host_id, hostId), inArray(drain.status, [...activeDrainStatuses])));
  const open = await orm
    .update(node)
    .set({ cordoned_at: null })
    .where(and(eq(node.id, hostId), notExists(draining)))
    .returning({ id: node.id });
  return open.length > 0;
}
