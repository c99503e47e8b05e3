import { and, eq, inArray, lte } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { limits } from '../../schema/limits.ts';
import { idempotency } from '../tables/access.ts';

export type IdempotencyRow = typeof idempotency.$inferSelect;
export type IdempotencyId = Pick<IdempotencyRow, 'token_id' | 'route' | 'key_hash'>;

/** Returns null if the key was free and now belongs to this request; else the row of the first request. */
export async function claimKey(
  db: D1Database,
  id: IdempotencyId,
  fingerprint: string,
  now: number,
): Promise<IdempotencyRow | null> {
  const orm = drizzle(db);
  const row = { ...id, fingerprint, created_at: now, expires_at: now + limits.api.idempotencyKeepMs };
  // An expired key is free again even before cron deletes it.
  const [, claimed] = await orm.batch([
    orm.delete(idempotency).where(and(one(id), lte(idempotency.expires_at, now))),
    orm.insert(idempotency).values(row).onConflictDoNothing().returning({ route: idempotency.route }),
  ]);
  if (claimed.length === 1) return null;
  return (await orm.select().from(idempotency).where(one(id)).get()) ?? { ...row, answer: null };
}

export async function storeAnswer(db: D1Database, id: IdempotencyId, answer: string): Promise<void> {
  await drizzle(db).update(idempotency).set({ answer }).where(one(id));
}

/** Frees the key: nothing was done under it. */
export async function releaseKey(db: D1Database, id: IdempotencyId): Promise<void> {
  await drizzle(db).delete(idempotency).where(one(id));
}

/** Deletes expired keys, a bounded share per call. Returns how many. */
export async function forgetOldKeys(db: D1Database, now: number): Promise<number> {
  const { expireRowsMax, expireRoundsMax } = limits.api;
  const orm = drizzle(db);
  let forgotten = 0;
  for (let round = 0; round < expireRoundsMax; round++) {
    const old = orm
      .select({ key_hash: idempotency.key_hash })
      .from(idempotency)
      .where(lte(idempotency.expires_at, now))
      .limit(expireRowsMax);
    const gone = await orm
      .delete(idempotency)
      .where(and(lte(idempotency.expires_at, now), inArray(idempotency.key_hash, old)))
      .returning({ key_hash: idempotency.key_hash });
    forgotten += gone.length;
    if (gone.length < expireRowsMax) break;
  }
  return forgotten;
}

const one = ({ token_id, route, key_hash }: IdempotencyId) =>
  and(eq(idempotency.token_id, token_id), eq(idempotency.route, route), eq(idempotency.key_hash, key_hash));
