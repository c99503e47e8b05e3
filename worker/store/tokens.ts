import { and, asc, eq, gt, isNull, lte, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { apiToken, uiSession } from '../tables/access.ts';
import { seenToken } from '../tables/fleet.ts';
import { isPerson, personPrefix } from './token-format.ts';

export type TokenRow = typeof apiToken.$inferSelect;

const isToken = sql`substr(id, 1, ${personPrefix.length}) <> ${personPrefix}`;

export async function findToken(db: D1Database, hash: string): Promise<TokenRow | null> {
  return (await drizzle(db).select().from(apiToken).where(eq(apiToken.hash, hash)).get()) ?? null;
}

/** Returns null if a token already exists; people do not count. Two concurrent calls with the same hash both return the row. */
export async function insertFirstToken(db: D1Database, hash: string, now: number): Promise<TokenRow | null> {
  await drizzle(db).run(sql`
    INSERT INTO api_token (id, name, hash, scopes, created_at)
    SELECT ${newId('tok', now)}, 'first admin token', ${hash}, '["admin"]', ${now}
    WHERE NOT EXISTS (SELECT 1 FROM api_token WHERE ${isToken})`);
  return findToken(db, hash);
}

/** Writes at most once per `tokenUseNoteMs`. */
export async function noteUse(db: D1Database, { id, last_used_at }: TokenRow, now: number): Promise<void> {
  if (now - (last_used_at ?? 0) < limits.api.tokenUseNoteMs) return;
  await drizzle(db).update(apiToken).set({ last_used_at: now }).where(eq(apiToken.id, id));
}

export type NewToken = Pick<TokenRow, 'name' | 'scopes' | 'expires_at'>;

export async function insertToken(db: D1Database, hash: string, token: NewToken, now: number): Promise<TokenRow> {
  return drizzle(db)
    .insert(apiToken)
    .values({ ...token, id: newId('tok', now), hash, created_at: now })
    .returning()
    .get();
}

/** Tokens in order of creation, then people. Returns `limit + 1` rows if there are more. */
export async function listTokens(db: D1Database, after: string | null, limit: number): Promise<TokenRow[]> {
  return drizzle(db)
    .select()
    .from(apiToken)
    .where(after === null ? undefined : gt(apiToken.id, after))
    .orderBy(asc(apiToken.id))
    .limit(limit + 1)
    .all();
}

export async function loadToken(db: D1Database, id: string): Promise<TokenRow | null> {
  return (await drizzle(db).select().from(apiToken).where(eq(apiToken.id, id)).get()) ?? null;
}

/** Lets a person log in again whose access was revoked; sessions of before stay ended. Null if there is no such person. */
export async function restorePerson(db: D1Database, id: string): Promise<TokenRow | null> {
  const row = isPerson(id) ? await loadToken(db, id) : null;
  if (!row || row.revoked_at === null) return row;
  const orm = drizzle(db);
  await orm.batch([
    orm.delete(uiSession).where(eq(uiSession.token_id, id)),
    orm.update(apiToken).set({ revoked_at: null }).where(eq(apiToken.id, id)),
  ]);
  return { ...row, revoked_at: null };
}

/**
 * `last_admin` if no other usable admin token exists: nobody could create a new one. People do not count: their provider may
 * be gone tomorrow. A single statement, so that of two admins who revoke each other one remains. Rows are never deleted: with
 * none left, the bootstrap token would be adopted again.
 */
export async function revokeToken(
  db: D1Database,
  id: string,
  now: number,
): Promise<'revoked' | 'revoked before' | 'last_admin' | 'absent'> {
  const admin = sql`EXISTS (SELECT 1 FROM json_each(scopes) WHERE value = 'admin')`;
  const usable = sql`revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${now})`;
  const another = sql`EXISTS (SELECT 1 FROM api_token AS other WHERE other.id <> ${id}
    AND substr(other.id, 1, ${personPrefix.length}) <> ${personPrefix}
    AND other.revoked_at IS NULL AND (other.expires_at IS NULL OR other.expires_at > ${now})
    AND EXISTS (SELECT 1 FROM json_each(other.scopes) WHERE value = 'admin'))`;
  const orm = drizzle(db);
  const revoked = await orm
    .update(apiToken)
    .set({ revoked_at: now })
    .where(
      and(
        eq(apiToken.id, id),
        isNull(apiToken.revoked_at),
        sql`(NOT (${admin}) OR NOT (${usable}) OR NOT (${isToken}) OR ${another})`,
      ),
    )
    .returning({ id: apiToken.id });
  if (revoked.length > 0) return 'revoked';
  const row = await loadToken(db, id);
  if (!row) return 'absent';
  return row.revoked_at === null ? 'last_admin' : 'revoked before';
}

/** Returns false if this one-time id was used before. */
export async function useOnce(db: D1Database, jti: string, expires_at: number): Promise<boolean> {
  const added = await drizzle(db)
    .insert(seenToken)
    .values({ jti, expires_at })
    .onConflictDoNothing()
    .returning({ jti: seenToken.jti });
  return added.length === 1;
}

export async function forgetExpiredIds(db: D1Database, now: number): Promise<number> {
  const { meta } = await drizzle(db).delete(seenToken).where(lte(seenToken.expires_at, now)).run();
  return meta.changes;
}
