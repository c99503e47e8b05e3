import { z } from 'zod';
import { limits } from '../limits.ts';
import { objectId as id, pageQuery, repeated, time } from './common.ts';

/** The event feed of the whole fleet: of its migrations, drains and hosts. */

/** Of drains and hosts; the others are of migrations. */
export const fleetEventTypes = [
  'drain_status',
  'host_joined',
  'host_upgraded',
  'host_offline',
  'host_online',
  'host_deleted',
] as const;
export const eventTypes = ['status', 'failure', 'notice', 'cleanup_due', ...fleetEventTypes] as const;

export const eventView = z
  .object({
    id: z.number().int().describe('Of a migration: the first part of the `id` that the event has in its stream.'),
    type: z
      .string()
      .describe(`One of ${eventTypes.map((type) => `\`${type}\``).join(', ')}; later releases may add some.`),
    at: time,
    migration_id: id.nullable().describe('Null in events of drains and hosts, as are `stack`, source and target.'),
    drain_id: id.nullable().describe('The drain, or the one that the migration is part of.'),
    host_id: id.nullable().describe('The host, or the one that is drained; null in events of migrations.'),
    stack: z.object({ id, name: z.string() }).nullable(),
    source_host_id: id.nullable(),
    target_host_id: id.nullable(),
    data: z
      .record(z.string(), z.unknown())
      .describe('The fields of its type: of a `status` and a `drain_status` the statuses `from` and `to`.'),
  })
  .meta({ id: 'Event' });

export const eventFeed = z
  .object({
    items: z.array(eventView),
    cursor: z.string().describe('`after` of the next request, also if there were no events.'),
    has_more: z.boolean().describe('There is more at once; otherwise ask again later.'),
  })
  .meta({ id: 'EventFeed' });

export const eventsQuery = z.strictObject({
  after: z
    .string()
    .max(limits.control.cursorCharsMax)
    .optional()
    .describe('`cursor` of the previous answer. Without it: from the oldest event on; `latest`: only those to come.'),
  limit: pageQuery.shape.limit,
  type: repeated(eventTypes).optional().describe('Type of the events; repeat it for several.'),
  stack: z.string().max(limits.control.stackNameLengthMax).optional().describe("The stack's name."),
  host: id.optional().describe('The host, the one that is drained, or source or target.'),
});
