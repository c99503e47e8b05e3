import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { hashToken, newToken } from '../../worker/store/token-format.ts';
import type { Database } from './apply-migrations.ts';

/**
 * Inserts the local control plane's own relay, like `POST /relays` would. Does not use the first admin token: using it
 * would consume it before an operator has seen it. Returns the join token.
 */
export async function insertRelay(db: Database, now: number): Promise<string> {
  const joinToken = newToken('sfj');
  const hash = await hashToken(joinToken);
  const expires = now + limits.certificate.joinTokenMsMax;
  for (let number = 1; number <= limits.serve.relaysMax; number++) {
    const { results } = await db
      .prepare(
        `INSERT INTO node (id, kind, name, join_token_hash, join_token_expires_at, created_at)
         VALUES (?, 'relay', ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id`,
      )
      .bind(newId('relay', now), `relay-${number}`, hash, expires, now)
      .all();
    if (results.length > 0) return joinToken;
  }
  throw new Error(`there are ${limits.serve.relaysMax} relays already`);
}
