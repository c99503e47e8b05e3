import { and, eq, isNull } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { limits } from '../../schema/limits.ts';
import { node } from '../tables/fleet.ts';
import type { NodeKind } from './nodes.ts';
import { hashToken, newToken } from './token-format.ts';

/**
 * Gives a node that has not joined a new join token; the one before is void. One statement, so that a node which joins at this
 * moment keeps what it joined with: null then.
 */
export async function replaceJoinToken(db: D1Database, kind: NodeKind, id: string, now: number) {
  const joinToken = newToken('sfj');
  const row = await drizzle(db)
    .update(node)
    .set({
      join_token_hash: await hashToken(joinToken),
      join_token_expires_at: now + limits.certificate.joinTokenMsMax,
    })
    .where(and(eq(node.id, id), eq(node.kind, kind), isNull(node.joined_at), isNull(node.deleted_at)))
    .returning()
    .get();
  return row ? { row, joinToken } : null;
}
