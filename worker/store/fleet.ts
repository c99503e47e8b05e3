import { and, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { fleet, node } from '../tables/fleet.ts';

export interface KnownFleet {
  /** SHA-256 (hex) of this fleet's CA certificate; null if none was recorded. */
  ca_sha256: string | null;
  /** A host or relay holds a certificate, from any CA. */
  joined: boolean;
}

export async function knownFleet(db: D1Database): Promise<KnownFleet> {
  const orm = drizzle(db);
  const holds = and(isNotNull(node.certificate_serial), isNull(node.deleted_at));
  const [recorded, joined] = await orm.batch([
    orm.select({ ca_sha256: fleet.ca_sha256 }).from(fleet).where(eq(fleet.id, 1)),
    orm.select({ one: sql`1` }).from(node).where(holds).limit(1),
  ]);
  return { ca_sha256: recorded[0]?.ca_sha256 ?? null, joined: joined.length > 0 };
}

/** Keeps an existing record. */
export async function recordFleet(db: D1Database, fleet_id: string, ca_sha256: string, now: number): Promise<void> {
  await drizzle(db).insert(fleet).values({ id: 1, fleet_id, ca_sha256, created_at: now }).onConflictDoNothing();
}
