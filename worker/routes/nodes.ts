import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId, page } from '../../schema/api/common.ts';
import { createdNode, createNode, hostView, nodesQuery, relayView } from '../../schema/api/nodes.ts';
import type { Authed } from '../auth/authed.ts';
import { log } from '../log.ts';
import { revoke } from '../objects/host-connection/revoke.ts';
import { Problem } from '../problem.ts';
import { noPresence } from '../rpc.ts';
import { markDeleted, whyNeeded } from '../store/host-deletion.ts';
import { findNode, insertNode, listNodes, type NodeKind, nodeOrder } from '../store/nodes.ts';
import { keyOf, partsOf } from '../store/sorted.ts';
import { time } from '../time.ts';
import { viewBase, viewListed, viewNode } from '../views/node-view.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { answers, body, guarded, guardedBody, located, refuses } from './define.ts';

/** Hosts and relays are created, listed and deleted alike. */
export function nodeRoutes(app: OpenAPIHono<Authed>, kind: NodeKind): void {
  const path = `/api/v1/${kind}s` as const;
  const view: typeof hostView | typeof relayView = kind === 'host' ? hostView : relayView;
  const tags = [`${kind}s`];
  const Kind = kind === 'host' ? 'Host' : 'Relay';
  const params = z.object({ id: objectId });
  const absent = () => new Problem('not_found', `There is no such ${kind}.`);

  const create = createRoute({
    method: 'post',
    path,
    tags,
    operationId: `create${Kind}`,
    summary: `Create a ${kind}; the answer holds its join token, only once`,
    description: `Start the ${kind} with the join token: it creates its key, and is online soon after. The token can be used once, until \`join_token_expires_at\`.`,
    ...guardedBody('admin'),
    ...refuses('name_taken'),
    request: { body: body(createNode) },
    responses: { 201: located(createdNode, 'Created; the join token is shown only once.') },
  });
  app.openapi(create, async (c) => {
    const { name } = c.req.valid('json');
    const created = await insertNode(c.env.DB, kind, name, Date.now());
    if (!created) throw new Problem('name_taken', `There is a ${kind} named "${name}" already.`);
    const { row, joinToken } = created;
    c.header('location', `${path}/${row.id}`);
    const join_token_expires_at = time(row.join_token_expires_at ?? row.created_at);
    return c.json({ ...viewBase(row, noPresence), join_token: joinToken, join_token_expires_at }, 201);
  });

  const list = createRoute({
    method: 'get',
    path,
    tags,
    operationId: `list${Kind}s`,
    summary: `List the ${kind}s, oldest first unless sorted otherwise`,
    description: `Without deleted ${kind}s. Whether one is online is told by its latest report.`,
    ...guarded('read'),
    request: { query: nodesQuery },
    responses: { 200: answers(page(view), 'A page.') },
  });
  app.openapi(list, async (c) => {
    const { cursor, limit, sort, order: direction, ...filter } = c.req.valid('query');
    const order = nodeOrder(sort, direction);
    const now = Date.now();
    const after = decodeCursor(cursor, partsOf(order));
    const rows = await listNodes(c.env.DB, kind, filter, { order, after, limit });
    const { items, next_cursor } = pageOf(rows, limit, ({ row, sort_key }) => keyOf(order, sort_key, row.id));
    return c.json({ items: items.map(({ row }) => viewListed(row, now)), next_cursor }, 200);
  });

  const show = createRoute({
    method: 'get',
    path: `${path}/{id}`,
    tags,
    operationId: `show${Kind}`,
    summary: `Show a ${kind}`,
    description:
      kind === 'host'
        ? 'Whether it is online, and its free resources.'
        : 'Whether it is online, and where hosts reach it.',
    ...guarded('read'),
    ...refuses('not_found'),
    request: { params },
    responses: { 200: answers(view, `The ${kind}.`) },
  });
  app.openapi(show, async (c) => {
    const row = await findNode(c.env.DB, kind, c.req.valid('param').id);
    if (!row) throw absent();
    return c.json(await viewNode(c.env, row), 200);
  });

  const remove = createRoute({
    method: 'delete',
    path: `${path}/{id}`,
    tags,
    operationId: `delete${Kind}`,
    summary: `Delete a ${kind}: its certificate is revoked and its connection closed at once`,
    description:
      kind === 'host'
        ? 'Nothing on the host itself is changed: its stacks keep running, and copies kept there by migrations stay. No migration waits for it any more. Refused while a migration or a drain needs it.'
        : 'Its transfers continue over another relay.',
    ...guarded('admin'),
    ...refuses('not_found', 'host_busy'),
    request: { params },
    responses: { 204: { description: 'Deleted.' } },
  });
  app.openapi(remove, async (c) => {
    const { id } = c.req.valid('param');
    const row = await findNode(c.env.DB, kind, id);
    if (!row) throw absent();
    const outcome = await markDeleted(c.env.DB, id, Date.now());
    if (outcome === 'absent') throw absent();
    if (outcome === 'busy') {
      const why = (await whyNeeded(c.env.DB, id)) ?? `"${row.name}" was needed a moment ago; try again.`;
      throw new Problem('host_busy', why);
    }
    // The node is refused from now on. Failed notifications are repeated by the repair sweep.
    await revoke(c.env, kind, id).catch((error) => log.error('a revocation is pending', { node: id, error }));
    return c.body(null, 204);
  });
}
