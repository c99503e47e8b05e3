import { z } from 'zod';
import { failure } from './agent-protocol.ts';
import { bytesPerSecond } from './byte-rate.ts';
import { resources, stackSummary } from './facts.ts';
import { limits } from './limits.ts';
import { modes, sizings, statuses, steps, verifications } from './migration-status.ts';
import { report } from './preflight-report.ts';
import { attention, resolutions, rollbackPhases } from './saga.ts';
import { scopes } from './scopes.ts';

/**
 * Requests and responses of the public API. Times are RFC 3339 strings, sizes bytes, rates bytes per second. What has an
 * `id` in its `meta` is a component of the OpenAPI document under that name.
 */

/** As `newId` makes them. */
export const objectId = z
  .string()
  .max(64)
  .regex(/^[a-z]{2,5}_[0-9a-z]{26}$/, 'an id as this API gives it')
  .meta({ id: 'ObjectId', description: 'An id as this API gives it: a prefix for the kind, then 26 characters.' });
const id = objectId;
export const time = z.string().meta({ format: 'date-time' });

/** Host and relay names: lower-case letters, digits, dot and dash. */
export const nodeName = z
  .string()
  .min(1)
  .max(limits.control.nameLengthMax)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'use lower-case letters, digits, dots and dashes')
  .meta({ id: 'NodeName', description: 'Of a host or a relay.' });

/** Compose project names. */
export const stackName = z
  .string()
  .min(1)
  .max(limits.control.stackNameLengthMax)
  .regex(/^[a-z0-9][a-z0-9_-]*$/, 'a Compose project name: lower-case letters, digits, dashes and underscores')
  .meta({ id: 'StackName', description: 'The Compose project name.' });

/** Free text of one line. */
const label = z
  .string()
  .trim()
  .min(1)
  .max(limits.api.tokenNameCharsMax)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, 'one line without control characters');

export const createToken = z
  .strictObject({
    name: label,
    scopes: z
      .array(z.enum(scopes))
      .min(1)
      .max(scopes.length)
      .transform((list) => scopes.filter((scope) => list.includes(scope))),
    expires_in_s: z.number().int().min(limits.api.tokenSecondsMin).max(limits.api.tokenSecondsMax).optional(),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  })
  .refine((request) => request.expires_in_s === undefined || request.expires_at === undefined, {
    path: ['expires_at'],
    message: 'give expires_in_s or expires_at, not both',
  })
  .meta({ id: 'CreateToken', description: 'Without an end a token is good until it is revoked.' });
export const tokenView = z
  .object({
    id,
    name: z.string(),
    scopes: z.array(z.enum(scopes)),
    status: z.enum(['active', 'expired', 'revoked']),
    created_at: time,
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
    last_used_at: time.nullable().describe('Within five minutes.'),
  })
  .meta({ id: 'Token' });
export const createdToken = tokenView
  .extend({ token: z.string().describe('Shown this once.') })
  .meta({ id: 'CreatedToken' });

export const auditView = z
  .object({
    id: z.number().int(),
    at: time,
    request_id: z.string(),
    actor: z.object({ kind: z.enum(['token', 'host', 'relay']), id: z.string(), name: z.string() }),
    act: z
      .string()
      .describe('`POST /api/v1/hosts`, `POST /ui/login`, or what the control plane noticed: `certificate_cloned`.'),
    objects: z
      .record(z.string(), z.string())
      .describe("What it was done to, by the names of the route's parameters; `created` is what it made."),
    status: z.number().int(),
    code: z.string().nullable().describe("The problem's code; null where it was done."),
    address: z.string().nullable(),
  })
  .meta({ id: 'AuditEntry' });

export const createNode = z.strictObject({ name: nodeName }).meta({ id: 'CreateNode' });

export const nodeView = z.object({
  id,
  name: z.string(),
  status: z.enum(['pending', 'online', 'offline']),
  created_at: time,
  joined_at: time.nullable(),
  seen_at: time.nullable(),
  agent_version: z.string().nullable(),
  connected_from: z.string().nullable().describe('The address that its latest connection came from.'),
  certificate_ends_at: time.nullable(),
  warnings: z
    .array(z.object({ code: z.enum(['certificate_cloned', 'leftover']), at: time, message: z.string() }))
    .describe('What somebody should look at.'),
});
export const hostView = nodeView
  .extend({
    resources: resources.nullable(),
    cordoned_at: time.nullable().describe('From then on no migration may target it.'),
  })
  .meta({ id: 'Host' });
export const relayView = nodeView
  .extend({ address: z.object({ host: z.string(), port: z.number() }).nullable() })
  .meta({ id: 'Relay' });
export const createdNode = nodeView
  .extend({ join_token: z.string().describe('Shown this once.'), join_token_expires_at: time })
  .meta({ id: 'CreatedNode' });

export const stackView = z
  .object({
    id,
    name: z.string(),
    host_id: id,
    host_name: z.string(),
    seen_at: time,
    summary: stackSummary,
    active_migration_id: id.nullable(),
  })
  .meta({ id: 'Stack' });

const target = {
  target_host_id: id,
  source_host_id: id.optional().describe('Needed where several hosts run a stack of this name.'),
  sizing: z
    .enum(sizings)
    .default('host')
    .describe("What the target must have room for: the source host's use, or the stack's own."),
  mode: z
    .enum(modes)
    .default('stop-copy')
    .describe('`pre-copy` copies while the stack runs, so that after the stop only what changed is left.'),
  accept_unmoved: z
    .boolean()
    .default(false)
    .describe(
      'Go on although anonymous volumes hold data, which stays behind, or bind mounts are absent on the target.',
    ),
};
export const preflightRequest = z.strictObject(target).meta({ id: 'PreflightRequest' });
export const migrateRequest = z
  .strictObject({
    ...target,
    bandwidth_limit: bytesPerSecond().optional().describe('Bytes per second that the source may send; can be changed.'),
    callback_url: z.url().max(limits.api.urlCharsMax).optional().describe("Is sent this migration's webhooks."),
    verify: z
      .enum(verifications)
      .optional()
      .describe(
        'Default: `content` for a pre-copy, whose files were read while they changed, `manifest` for a stop-copy.',
      ),
    health_timeout_s: z
      .number()
      .int()
      .min(1)
      .max(limits.health.timeoutSMax)
      .default(limits.health.timeoutSDefault)
      .describe('How long the services have on the target to become healthy.'),
  })
  .meta({ id: 'MigrateRequest' });
export type MigrateRequest = z.infer<typeof migrateRequest>;

export const changeMigration = z
  .strictObject({
    bandwidth_limit: bytesPerSecond().nullable().describe('Bytes per second; null for no bound.'),
  })
  .meta({ id: 'ChangeMigration' });

export const retryRequest = z
  .strictObject({
    stopped: z
      .boolean()
      .default(false)
      .describe('You vouch that the copy which could not be stopped is, for good. Needed only where a host is lost.'),
  })
  .meta({ id: 'RetryRequest' });

export const resolveRequest = z
  .strictObject({
    resolution: z
      .enum(resolutions)
      .describe(
        'Who is lost for good, or `give_up`. `attention.resolutions` lists what is possible, and what comes of it.',
      ),
  })
  .meta({ id: 'ResolveRequest' });

export const laneView = z
  .object({
    item: z.string().describe("The volume's name, or `project`."),
    bytes_done: z.number(),
    bytes_total: z.number().nullable(),
  })
  .meta({ id: 'LaneProgress' });
export const progressView = z
  .object({
    current: z.string().nullable(),
    bytes_done: z.number(),
    bytes_total: z.number().nullable(),
    rate: z.number().nullable().describe('Bytes per second over a short window; null until there is one.'),
    seconds_left: z.number().nullable(),
    items: z.array(laneView),
  })
  .meta({ id: 'Progress' });
export type ProgressView = z.infer<typeof progressView>;

export const stepView = z
  .object({
    name: z.enum(steps),
    status: z.enum(['pending', 'running', 'done', 'failed']),
    started_at: time.nullable(),
    ended_at: time.nullable(),
  })
  .meta({ id: 'Step' });

const purgeView = z
  .object({
    requested_at: time,
    done_at: time.nullable(),
    remaining: z.array(z.object({ what: z.string(), why: z.string() })),
    host_deleted: z.boolean().describe('Nothing was deleted: its host left the fleet before, with the copy on it.'),
  })
  .meta({ id: 'Purge' })
  .nullable();

/** What is kept after `completed`. */
export const windowView = z
  .object({
    completed_at: time,
    ends_at: time,
    open: z.boolean().describe('Whether a rollback may still begin.'),
    reminded_at: time.nullable(),
    copy_running: z.boolean().describe('The copy that is kept was seen running: two copies run.'),
    source_purge: purgeView,
    target_purge: purgeView,
  })
  .meta({ id: 'SafetyWindow' });

export const rollbackView = z
  .object({
    phase: z.enum(rollbackPhases),
    requested_at: time,
    ended_at: time.nullable(),
    failure: failure.extend({ phase: z.string() }).nullable(),
    hours_left_behind: z
      .number()
      .describe('Hours of changes that the stack made in its new home and that stay behind there.'),
  })
  .meta({ id: 'Rollback' });

export const migrationView = z
  .object({
    id,
    stack: z.object({ id, name: z.string() }),
    source_host_id: id,
    target_host_id: id,
    mode: z.enum(modes),
    verify: z.enum(verifications),
    sizing: z.enum(sizings),
    bandwidth_limit: z.number().int().nullable().describe('Bytes per second that the source may send.'),
    status: z.enum(statuses),
    steps: z.array(stepView),
    progress: progressView.nullable(),
    report: report.nullable(),
    failure: failure.extend({ step: z.string() }).nullable(),
    owed: z
      .array(z.object({ host_id: id, what: z.string() }))
      .describe('What `needs_attention` waits for, or a clean-up that is still owed to a host.'),
    attention: attention.nullable().describe('Set with `needs_attention`: where the copies are, and what to do.'),
    window: windowView.nullable().describe('Null before `completed`.'),
    rollback: rollbackView.nullable().describe('The newest one asked for.'),
    created_at: time,
    updated_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'Migration' });
export type MigrationView = z.infer<typeof migrationView>;

/** Data of a server-sent event of `/migrations/{id}/events`: when, and what belongs to its kind. `progress` has a ProgressView. */
export const migrationEventView = z.looseObject({ at: time });
export type MigrationEventView = z.infer<typeof migrationEventView>;

export const page = <T extends z.ZodType>(item: T) =>
  z
    .object({
      items: z.array(item),
      next_cursor: z.string().nullable().describe('Asks for the page after this one as `cursor`; null on the last.'),
    })
    .meta({ id: `${item.meta()?.id}Page` });

export const pageQuery = z.strictObject({
  cursor: z
    .string()
    .max(limits.control.cursorCharsMax)
    .optional()
    .describe('`next_cursor` of the page before, as it is.'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(limits.control.pageSizeMax)
    .default(limits.control.pageSizeDefault)
    .describe('Items of a page, at most.'),
});
export const auditQuery = pageQuery.extend({
  actor: id.optional().describe('Id of a token, a host or a relay.'),
  act: z.string().max(200).optional().describe('As the entries have it: `POST /api/v1/hosts`.'),
});
export const migrationsQuery = pageQuery.extend({
  stack: z.string().max(limits.control.stackNameLengthMax).optional().describe("The stack's name."),
  host: id.optional().describe('Source or target.'),
  status: z.enum(statuses).optional().describe('As the migrations have it.'),
  cleanup_due: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .describe('Completed ones whose safety window is over while their source is still kept.'),
});

/** RFC 9457. */
export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string().describe('Stable; branch on it, never on the texts.'),
    detail: z.string().describe('A sentence for people.'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('With `invalid_request`.'),
    report: report.optional().describe('With `preflight_failed`.'),
    hosts: z.array(id).optional().describe('With `stack_ambiguous`.'),
    migration_id: id.optional().describe('With `migration_running`, `preflight_failed`, and `host_busy` of a drain.'),
    drain_id: id.optional().describe('With `drain_running`.'),
    remaining: z
      .array(z.object({ what: z.string(), why: z.string() }))
      .optional()
      .describe('With `purge_incomplete`.'),
  })
  .meta({ id: 'Problem' });
