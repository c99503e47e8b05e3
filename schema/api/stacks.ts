import { z } from 'zod';
import { bytesPerSecond } from '../byte-rate.ts';
import { stackSummary } from '../facts.ts';
import { limits } from '../limits.ts';
import { modes, sizings, statuses, verifications } from '../migration-status.ts';
import { moveOptions } from '../move-options.ts';
import { objectId as id, pageQuery, time, zonedTime } from './common.ts';

/** Stacks, and how the migration of one is requested. */

export const stackView = z
  .object({
    id,
    name: z.string(),
    host_id: id,
    host_name: z.string(),
    seen_at: time.describe('When its host last reported it; in lists, of a connected host, now.'),
    summary: stackSummary,
    active_migration_id: id.nullable(),
    active_migration_status: z.enum(statuses).nullable().default(null),
  })
  .meta({ id: 'Stack' });

export const stacksQuery = pageQuery.extend({
  search: z
    .string()
    .max(limits.control.stackNameLengthMax)
    .optional()
    .describe("Part of the stack's or of its host's name."),
  host: id.optional().describe('The host that it is on.'),
  running: z.enum(['true', 'false']).optional().describe('Whether its host reported it as running.'),
});

const target = {
  target_host_id: id,
  source_host_id: id.optional().describe('Required if several hosts run a stack of this name.'),
  sizing: z
    .enum(sizings)
    .default('host')
    .describe("Room required on the target: the source host's usage, or the stack's own."),
  mode: z
    .enum(modes)
    .default('stop-copy')
    .describe('`pre-copy` copies while the stack runs; after the stop only the changes are copied.'),
  ...moveOptions.shape,
};
export const preflightRequest = z.strictObject(target).meta({ id: 'PreflightRequest' });
export const migrateRequest = z
  .strictObject({
    ...target,
    bandwidth_limit: bytesPerSecond().optional().describe('Bytes per second that the source may send; can be changed.'),
    callback_url: z.url().max(limits.api.urlCharsMax).optional().describe("Receives this migration's webhooks."),
    cut_over_at: zonedTime.optional().describe('With `hold`: when it cuts over by itself.'),
    verify: z
      .enum(verifications)
      .optional()
      .describe('Default: `content` for a pre-copy, which reads files while they change, `manifest` for a stop-copy.'),
    health_timeout_s: z
      .number()
      .int()
      .min(1)
      .max(limits.health.timeoutSMax)
      .default(limits.health.timeoutSDefault)
      .describe('Time for the services to become healthy on the target.'),
  })
  .meta({ id: 'MigrateRequest' });
export type MigrateRequest = z.infer<typeof migrateRequest>;
