import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import { eventFeed, eventsQuery, type eventView } from '../../schema/api/events.ts';
import type { Authed } from '../auth/authed.ts';
import { Problem } from '../problem.ts';
import { eventsOfFleet, newestEventId } from '../store/event-feed.ts';
import { time } from '../time.ts';
import { decodeNumber, encodeCursor } from './cursor.ts';
import { answers, guarded, refuses } from './define.ts';

const feed = createRoute({
  method: 'get',
  path: '/api/v1/events',
  tags: ['events'],
  operationId: 'listEvents',
  summary: 'Read the events of all migrations, oldest first, from a cursor on',
  description:
    'Every event comes once, in the order in which it was recorded, whatever happens meanwhile. Keep `cursor` and ask again with it: ' +
    'at once if `has_more`, else later. Filters are combined; with them an answer may be empty and have more.',
  ...guarded('read'),
  ...refuses('invalid_cursor'),
  request: { query: eventsQuery },
  responses: { 200: answers(eventFeed, 'The next events.') },
});

export function eventRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(feed, async (c) => {
    const { after, limit, ...filter } = c.req.valid('query');
    const newest = await newestEventId(c.env.DB);
    if (after === 'latest') return c.json({ items: [], cursor: encodeCursor([String(newest)]), has_more: false }, 200);
    const from = decodeNumber(after) ?? 0;
    if (from > newest)
      throw new Problem(
        'invalid_cursor',
        'The database was restored to a time before this cursor. Begin again without "after"; events that were read before may come again.',
      );
    const { events, next, more } = await eventsOfFleet(c.env.DB, filter, { after: from, newest, limit });
    return c.json({ items: events.map(view), cursor: encodeCursor([String(next)]), has_more: more }, 200);
  });
}

function view(row: Awaited<ReturnType<typeof eventsOfFleet>>['events'][number]): z.infer<typeof eventView> {
  const { kind, at, stack_id, stack_name, ...event } = row;
  return { ...event, type: kind, at: time(at), stack: { id: stack_id, name: stack_name } };
}
