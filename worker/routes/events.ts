import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import { eventFeed, eventsQuery, type eventView } from '../../schema/api/events.ts';
import type { Authed } from '../auth/authed.ts';
import { Problem } from '../problem.ts';
import { eventsOfFleet, findEvent, newestEventId } from '../store/event-feed.ts';
import { time } from '../time.ts';
import { decodeNumbers, encodeCursor } from './cursor.ts';
import { answers, guarded, refuses } from './define.ts';

const feed = createRoute({
  method: 'get',
  path: '/api/v1/events',
  tags: ['events'],
  operationId: 'listEvents',
  summary: 'Read the events of all migrations, drains and hosts, oldest first, from a cursor on',
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
    if (after === 'latest')
      return c.json({ items: [], cursor: await cursorAt(c.env.DB, newest), has_more: false }, 200);
    const from = await placeOf(c.env.DB, after, newest);
    const { events, next, more } = await eventsOfFleet(c.env.DB, filter, { after: from, newest, limit });
    return c.json({ items: events.map(view), cursor: await cursorAt(c.env.DB, next), has_more: more }, 200);
  });
}

/** A restored database gives ids again, so the time of the event goes along; 0 if the event is not kept. */
const cursorAt = async (db: D1Database, id: number): Promise<string> =>
  encodeCursor([String(id), String((await findEvent(db, id))?.at ?? 0)]);

/**
 * The id of the last event that was read. Throws if a restore has undone that event. One that retention deleted since is good: its id
 * was given, and ids are given again only by a restore, so at worst a restore of as long ago as events are kept goes unseen.
 */
async function placeOf(db: D1Database, cursor: string | undefined, newest: number): Promise<number> {
  const [id = 0, at = 0] = decodeNumbers(cursor, 2) ?? [];
  const event = at === 0 || id > newest ? null : await findEvent(db, id);
  if (id <= newest && (event === null || event.at === at)) return id;
  throw new Problem(
    'invalid_cursor',
    'The database was restored to a time before this cursor. Begin again without "after"; events that were read before may come again.',
  );
}

function view(row: Awaited<ReturnType<typeof eventsOfFleet>>['events'][number]): z.infer<typeof eventView> {
  const { subject_id, kind, at, stack_id, stack_name, drained_host_id, ...event } = row;
  return {
    ...event,
    ...{ type: kind, at: time(at) },
    host_id: subject_id.startsWith('host_') ? subject_id : drained_host_id,
    stack: stack_id === null || stack_name === null ? null : { id: stack_id, name: stack_name },
  };
}
