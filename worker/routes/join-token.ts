import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId } from '../../schema/api/common.ts';
import { createdNode } from '../../schema/api/nodes.ts';
import type { Authed } from '../auth/authed.ts';
import { Problem } from '../problem.ts';
import { noPresence } from '../rpc.ts';
import { replaceJoinToken } from '../store/join-tokens.ts';
import { findNode, type NodeKind } from '../store/nodes.ts';
import { time } from '../time.ts';
import { viewBase } from '../views/node-view.ts';
import { answers, guarded, refuses } from './define.ts';

/** A new join token for a host or relay whose first one was lost, or has expired. */
export function joinTokenRoutes(app: OpenAPIHono<Authed>, kind: NodeKind): void {
  const path = `/api/v1/${kind}s/{id}/join-token` as const;
  const route = createRoute({
    method: 'post',
    path,
    tags: [`${kind}s`],
    operationId: kind === 'host' ? 'replaceHostJoinToken' : 'replaceRelayJoinToken',
    summary: `Replace the join token of a ${kind} that has not joined; it is shown only in this answer`,
    description: 'For one that was lost, or has expired. The token before it is void.',
    ...guarded('admin'),
    ...refuses('not_found', 'already_joined'),
    request: { params: z.object({ id: objectId }) },
    responses: { 200: answers(createdNode, 'The new join token is shown only once.') },
  });

  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const replaced = await replaceJoinToken(c.env.DB, kind, id, Date.now());
    if (!replaced) {
      const row = await findNode(c.env.DB, kind, id);
      if (!row) throw new Problem('not_found', `There is no such ${kind}.`);
      throw new Problem(
        'already_joined',
        `"${row.name}" has joined already and needs no join token. To let another machine take its place, delete the ${kind} first.`,
      );
    }
    const { row, joinToken } = replaced;
    c.header('cache-control', 'no-store');
    const join_token_expires_at = time(row.join_token_expires_at ?? row.created_at);
    return c.json({ ...viewBase(row, noPresence), join_token: joinToken, join_token_expires_at }, 200);
  });
}
