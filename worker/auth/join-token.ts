import type { Env } from '../env.ts';
import { Problem } from '../routes/problem.ts';
import { findByJoinToken, type NodeRow } from '../store/nodes.ts';
import { isWellFormedToken } from './token-format.ts';

/** The node that this join token lets in. It is not used up by looking: `markJoined` does that. */
export async function redeemable(env: Env, joinToken: string, now: number): Promise<NodeRow> {
  const row = isWellFormedToken('sfj', joinToken) ? await findByJoinToken(env.DB, joinToken) : null;
  if (!row) throw new Problem('join_token_invalid', 'That join token is not known, or its host was deleted.');
  if (row.joined_at !== null) throw new Problem('join_token_used', 'That join token was used already.');
  if ((row.join_token_expires_at ?? 0) <= now)
    throw new Problem('join_token_expired', `That join token has expired; delete "${row.name}" and create it anew.`);
  return row;
}
