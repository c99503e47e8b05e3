import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { objectId } from '../../schema/api/common.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import type { Authed } from '../auth/authed.ts';
import { eventsAfter } from '../store/migration-list.ts';
import { loadMigration } from '../store/migration-store.ts';
import { guarded, refuses } from './define.ts';
import { isStillTrue, lastEventId } from './event-id.ts';
import { migrationEventStream } from './event-stream.ts';
import { absent } from './migrations.ts';

const events = createRoute({
  method: 'get',
  path: '/api/v1/migrations/{id}/events',
  tags: ['migrations'],
  operationId: 'followMigration',
  summary: 'Follow a migration: its events from `Last-Event-ID` on, and its progress',
  description:
    'Server-sent events. `id` and `event` are id and kind of a recorded event; `progress` events have no id. The stream ' +
    'ends with the migration, else after some minutes: clients resume by `Last-Event-ID`. 204 if nothing can follow. If the ' +
    'database was restored to a time before that event, the stream begins with `reset`, and every event comes again.',
  ...guarded('read'),
  ...refuses('not_found'),
  request: {
    params: z.object({ id: objectId }),
    // As clients in browsers that can't set the header send it.
    query: z.strictObject({ lastEventId: lastEventId.optional().describe('The same as `Last-Event-ID`.') }),
    headers: z.object({ 'last-event-id': lastEventId.optional().describe('Id of the last event seen.') }),
  },
  responses: {
    200: { description: 'The stream.', content: { 'text/event-stream': { schema: z.string() } } },
    204: { description: 'The migration has ended and every event was seen: do not reconnect.' },
  },
});

export function migrationEventRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(events, async (c) => {
    const { id } = c.req.valid('param');
    const last = c.req.valid('header')['last-event-id'] ?? c.req.valid('query').lastEventId;
    const row = await loadMigration(c.env.DB, id);
    if (!row) throw absent();
    const isUndone = last !== undefined && !(await isStillTrue(c.env.DB, id, last));
    const after = isUndone ? 0 : (last?.id ?? 0);
    // An EventSource reconnects forever unless it gets a 204.
    if (last && !isUndone && isTerminal(row.status) && (await eventsAfter(c.env.DB, id, after, 1)).length === 0)
      return c.body(null, 204);
    return new Response(migrationEventStream(c.env, id, after, isUndone), {
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
    });
  });
}
