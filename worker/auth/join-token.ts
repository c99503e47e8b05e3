import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { findByJoinToken, type NodeRow } from '../store/nodes.ts';
import { isWellFormedToken } from '../store/token-format.ts';

/** Returns the node of a join token, joined or not. */
export async function holderOf(env: Env, joinToken: string): Promise<NodeRow> {
  const row = isWellFormedToken('sfj', joinToken) ? await findByJoinToken(env.DB, joinToken) : null;
  if (!row) throw new Problem('join_token_invalid', 'That join token is unknown, or its host was deleted.');
  return row;
}

/**
 * Throws if the token can no longer be redeemed. Only `markJoined` redeems it. The key that joined may use it again
 * while it is valid: the first answer may have been lost (B25), and the certificate is useless without that key.
 */
export function checkRedeemable(row: NodeRow, keySha256: string, now: number): void {
  if (row.joined_at !== null && row.join_key_sha256 !== keySha256) throw usedUp();
  if ((row.join_token_expires_at ?? 0) <= now)
    throw new Problem(
      'join_token_expired',
      `That join token has expired; "${row.name}" needs a new one: POST /api/v1/${row.kind}s/${row.id}/join-token.`,
    );
}

export const usedUp = () => new Problem('join_token_used', 'That join token was used already, with another key.');
