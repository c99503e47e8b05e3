import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { hashToken, newToken } from '../../worker/store/token-format.ts';

/**
 * Creates the first host, as `POST /hosts` would; a request would use up the first admin token, which nobody may have
 * seen yet. Repeated, the statement gives the host a new token, or returns no row if it has joined. `name` is a valid
 * `nodeName`.
 */
export async function firstHost(name: string, now: number): Promise<{ statement: string; joinToken: string }> {
  const joinToken = newToken('sfj');
  const values = [newId('host', now), 'host', name, await hashToken(joinToken)].map((value) => `'${value}'`);
  const expires = now + limits.certificate.joinTokenMsMax;
  const statement = `INSERT INTO node (id, kind, name, join_token_hash, join_token_expires_at, created_at)
    VALUES (${values.join(', ')}, ${expires}, ${now})
    ON CONFLICT (kind, name) WHERE deleted_at IS NULL
    DO UPDATE SET join_token_hash = excluded.join_token_hash, join_token_expires_at = excluded.join_token_expires_at
    WHERE joined_at IS NULL RETURNING id`;
  return { statement, joinToken };
}
