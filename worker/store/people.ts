import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { apiToken, uiSession } from '../tables/access.ts';
import type { TokenRow } from './tokens.ts';

/** Records a person at a login, with the scopes from now on. The row's `revoked_at` says whether an admin keeps them out. */
export async function recordPerson(
  db: D1Database,
  { id, name, scopes }: Pick<TokenRow, 'id' | 'name' | 'scopes'>,
  now: number,
): Promise<TokenRow> {
  return (
    drizzle(db)
      .insert(apiToken)
      // No token has this hash: it is none.
      .values({ id, name, hash: `none: ${id}`, scopes, created_at: now })
      .onConflictDoUpdate({ target: apiToken.id, set: { name, scopes } })
      .returning()
      .get()
  );
}

/** Ends the sessions of one whom the settings let in no longer. */
export async function endSessionsOf(db: D1Database, id: string): Promise<void> {
  await drizzle(db).delete(uiSession).where(eq(uiSession.token_id, id));
}
