import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId, page, stackName } from '../../schema/api/common.ts';
import { stacksQuery, stackView } from '../../schema/api/stacks.ts';
import type { Authed } from '../auth/authed.ts';
import { presenceOf } from '../durable-objects.ts';
import { keyOf, partsOf } from '../store/sorted.ts';
import { listStacks, stackOrder } from '../store/stacks.ts';
import { viewStack } from '../views/stack-view.ts';
import { decodeCursor, pageOf } from './cursor.ts';
import { answers, guarded, refuses } from './define.ts';
import { resolveStack } from './resolve.ts';

const tags = ['stacks'];

const list = createRoute({
  method: 'get',
  path: '/api/v1/stacks',
  tags,
  operationId: 'listStacks',
  summary: 'List the stacks, by name unless sorted otherwise, each with its host',
  description: 'Stacks need no import: these are the Compose projects that the hosts report.',
  ...guarded('read'),
  request: { query: stacksQuery },
  responses: { 200: answers(page(stackView), 'A page.') },
});

const show = createRoute({
  method: 'get',
  path: '/api/v1/stacks/{name}',
  tags,
  operationId: 'showStack',
  summary: 'Show a stack',
  description: 'If several hosts run different stacks of one name, choose one by `source_host_id`.',
  ...guarded('read'),
  ...refuses('not_found', 'stack_ambiguous'),
  request: {
    params: z.object({ name: stackName }),
    query: z.strictObject({ source_host_id: objectId.optional() }),
  },
  responses: { 200: answers(stackView, 'The stack.') },
});

export function stackRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(list, async (c) => {
    const { cursor, limit, sort, order: direction, ...filter } = c.req.valid('query');
    const order = stackOrder(sort, direction);
    const after = decodeCursor(cursor, partsOf(order));
    const rows = await listStacks(c.env.DB, filter, { order, after, limit });
    const { items, next_cursor } = pageOf(rows, limit, ({ stack, sort_key }) => keyOf(order, sort_key, stack.id));
    const now = Date.now();
    return c.json({ items: items.map((item) => viewStack(item, now)), next_cursor }, 200);
  });

  app.openapi(show, async (c) => {
    const { source_host_id } = c.req.valid('query');
    const found = await resolveStack(c.env, c.req.valid('param').name, source_host_id);
    const { reported_at } = await presenceOf(c.env, found.stack.home_id);
    return c.json(viewStack(found, Date.now(), reported_at), 200);
  });
}
