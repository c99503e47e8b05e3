import { z } from 'zod';
import { bytesPerSecond } from '../byte-rate.ts';
import { stackSummary } from '../facts.ts';
import { limits } from '../limits.ts';
import { modes, sizings, statuses, verifications } from '../migration-status.ts';
import { moveOptions } from '../move-options.ts';
import { objectId as id, pageQuery, sortOrder, time, zonedTime } from './common.ts';

/** Stacks, and how the migration of one is requested. */

export const stackView = z
  .object({
    id,
    name: z.string(),
    host_id: id,
    host_name: z.string(),
    host_online: z
      .boolean()
      .default(true)
      .describe('Its host is connected, as last recorded; `GET /hosts/{id}` asks the connection itself.'),
    seen_at: time.describe('When its host last reported it; in lists, of a connected host, now.'),
    summary: stackSummary,
    active_migration_id: id.nullable(),
    active_migration_status: z.enum(statuses).nullable().default(null),
    moved_at: time.nullable().default(null).describe('When its latest completed migration began.'),
    data_bytes: z
      .number()
      .nullable()
      .default(null)
      .describe('Size of its volumes and files when a migration last measured it; null if none has.'),
  })
  .meta({ id: 'Stack' });

export const stackSorts = ['name', 'host', 'moved', 'reported'] as const;
export const stacksQuery = pageQuery.extend({
  search: z
    .string()
    .max(limits.control.stackNameLengthMax)
    .optional()
    .describe("Part of the stack's or of its host's name."),
  running: z.enum(['true', 'false']).optional().describe('Whether its host reported it as running.'),
  host: id.optional().describe('The host that it is on.'),
  sort: z.enum(stackSorts).default('name').describe('`moved`: by its latest completed migration.'),
  order: sortOrder('asc'),
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
const bandwidth_limit = bytesPerSecond()
  .optional()
  .describe('Bytes per second that the source may send; can be changed. The estimate counts with it.');
export const preflightRequest = z.strictObject({ ...target, bandwidth_limit }).meta({ id: 'PreflightRequest' });
export const migrateRequest = z
  .strictObject({
    ...target,
    bandwidth_limit,
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
