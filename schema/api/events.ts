import { z } from 'zod';
import { limits } from '../limits.ts';
import { objectId as id, pageQuery, repeated, time } from './common.ts';

/** The event feed of the whole fleet. */

export const eventTypes = ['status', 'failure', 'notice', 'cleanup_due'] as const;

export const eventView = z
  .object({
    id: z.number().int().describe('The `id` that the event has in the stream of its migration.'),
    type: z
      .string()
      .describe(`One of ${eventTypes.map((type) => `\`${type}\``).join(', ')}; later releases may add some.`),
    at: time,
    migration_id: id,
    drain_id: id.nullable(),
    stack: z.object({ id, name: z.string() }),
    source_host_id: id,
    target_host_id: id,
    data: z
      .record(z.string(), z.unknown())
      .describe('The fields of its type: of a `status` the statuses `from` and `to`.'),
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
  host: id.optional().describe('Source or target.'),
});
