import { and, desc, eq, gt, isNull, lte, notInArray, or } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { limits } from '../../schema/limits.ts';
import { apiToken, uiSession } from '../tables/access.ts';
import type { TokenRow } from './tokens.ts';

export type SessionRow = typeof uiSession.$inferSelect;

/** Ends the token's oldest sessions beyond the maximum. */
export async function insertSession(db: D1Database, row: SessionRow): Promise<void> {
  const orm = drizzle(db);
  const ofToken = eq(uiSession.token_id, row.token_id);
  const newest = orm
    .select({ hash: uiSession.hash })
    .from(uiSession)
    .where(ofToken)
    .orderBy(desc(uiSession.created_at), desc(uiSession.hash))
    .limit(limits.ui.sessionsPerTokenMax);
  await orm.batch([
    orm.insert(uiSession).values(row),
    orm.delete(uiSession).where(and(ofToken, notInArray(uiSession.hash, newest))),
  ]);
}

/** Returns null if there is none, it expired, or its token was revoked or expired. */
export async function findSession(
  db: D1Database,
  hash: string,
  now: number,
): Promise<{ session: SessionRow; token: TokenRow } | null> {
  const good = and(
    isNull(apiToken.revoked_at),
    or(isNull(apiToken.expires_at), gt(apiToken.expires_at, now)),
    gt(uiSession.expires_at, now),
  );
  const row = await drizzle(db)
    .select({ session: uiSession, token: apiToken })
    .from(uiSession)
    .innerJoin(apiToken, eq(apiToken.id, uiSession.token_id))
    .where(and(eq(uiSession.hash, hash), good))
    .get();
  return row ?? null;
}

export async function deleteSession(db: D1Database, hash: string): Promise<void> {
  await drizzle(db).delete(uiSession).where(eq(uiSession.hash, hash));
}

export async function forgetExpiredSessions(db: D1Database, now: number): Promise<number> {
  const { meta } = await drizzle(db).delete(uiSession).where(lte(uiSession.expires_at, now)).run();
  return meta.changes;
}
