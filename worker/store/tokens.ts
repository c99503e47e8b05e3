import { eq, lte, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { newId } from '../../schema/ids.ts';
import { apiToken, seenToken } from '../../schema/tables.ts';

export type TokenRow = typeof apiToken.$inferSelect;

export async function findToken(db: D1Database, hash: string): Promise<TokenRow | null> {
  return (await drizzle(db).select().from(apiToken).where(eq(apiToken.hash, hash)).get()) ?? null;
}

/** Null where there is a token already. Two at once with the same hash both get the row. */
export async function insertFirstToken(db: D1Database, hash: string, now: number): Promise<TokenRow | null> {
  await drizzle(db).run(sql`
    INSERT INTO api_token (id, name, hash, scopes, created_at)
    SELECT ${newId('tok', now)}, 'first admin token', ${hash}, '["admin"]', ${now}
    WHERE NOT EXISTS (SELECT 1 FROM api_token)`);
  return findToken(db, hash);
}

/** False where this one-time id was used before. */
export async function useOnce(db: D1Database, jti: string, expires_at: number): Promise<boolean> {
  const added = await drizzle(db)
    .insert(seenToken)
    .values({ jti, expires_at })
    .onConflictDoNothing()
    .returning({ jti: seenToken.jti });
  return added.length === 1;
}

export async function forgetExpiredIds(db: D1Database, now: number): Promise<void> {
  await drizzle(db).delete(seenToken).where(lte(seenToken.expires_at, now));
}
