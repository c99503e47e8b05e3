import { z } from 'zod';
import { failure } from './agent-protocol.ts';
import { resources, stackSummary } from './facts.ts';
import { limits } from './limits.ts';
import { modes, sizings, statuses, steps, verifications } from './migration-status.ts';
import { report } from './preflight-report.ts';
import { rollbackPhases } from './saga.ts';
import { scopes } from './scopes.ts';

/** Requests and responses of the public API. Times are RFC 3339 strings, sizes bytes, rates bytes per second. */

/** As `newId` makes them. */
export const objectId = z
  .string()
  .max(64)
  .regex(/^[a-z]{2,5}_[0-9a-z]{26}$/, 'an id as this API gives it');
const id = objectId;
const time = z.string();

/** Host and relay names: lower-case letters, digits, dot and dash. */
export const nodeName = z
  .string()
  .min(1)
  .max(limits.control.nameLengthMax)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'use lower-case letters, digits, dots and dashes');

/** Compose project names. */
export const stackName = z
  .string()
  .min(1)
  .max(limits.control.stackNameLengthMax)
  .regex(/^[a-z0-9][a-z0-9_-]*$/, 'a Compose project name: lower-case letters, digits, dashes and underscores');

/** Free text of one line. */
const label = z
  .string()
  .trim()
  .min(1)
  .max(limits.api.tokenNameCharsMax)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, 'one line without control characters');

/** Without an end a token is good until it is revoked. */
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
  });
export const tokenView = z.object({
  id,
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  status: z.enum(['active', 'expired', 'revoked']),
  created_at: time,
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
});
/** The token is shown this once. */
export const createdToken = tokenView.extend({ token: z.string() });

export const auditView = z.object({
  id: z.number().int(),
  at: time,
  request_id: z.string(),
  actor: z.object({ kind: z.enum(['token', 'host', 'relay']), id: z.string(), name: z.string() }),
  /** `POST /api/v1/hosts`, or what the control plane noticed: `certificate_cloned`. */
  act: z.string(),
  /** What it was done to, by the names of the route's parameters; `created` is what it made. */
  objects: z.record(z.string(), z.string()),
  status: z.number().int(),
  /** The problem's code; null where it was done. */
  code: z.string().nullable(),
  address: z.string().nullable(),
});

export const createNode = z.strictObject({ name: nodeName });

export const nodeView = z.object({
  id,
  name: z.string(),
  status: z.enum(['pending', 'online', 'offline']),
  created_at: time,
  joined_at: time.nullable(),
  seen_at: time.nullable(),
  agent_version: z.string().nullable(),
  certificate_ends_at: time.nullable(),
  /** What somebody should look at. */
  warnings: z.array(z.object({ code: z.enum(['certificate_cloned']), at: time, message: z.string() })),
});
export const hostView = nodeView.extend({ resources: resources.nullable() });
export const relayView = nodeView.extend({ address: z.object({ host: z.string(), port: z.number() }).nullable() });
/** The token is shown this once. */
export const createdNode = nodeView.extend({ join_token: z.string(), join_token_expires_at: time });

export const stackView = z.object({
  id,
  name: z.string(),
  host_id: id,
  host_name: z.string(),
  seen_at: time,
  summary: stackSummary,
  active_migration_id: id.nullable(),
});

const target = {
  target_host_id: id,
  source_host_id: id.optional(),
  sizing: z.enum(sizings).default('host'),
  mode: z.enum(modes).default('stop-copy'),
  accept_unmoved: z.boolean().default(false),
};
export const preflightRequest = z.strictObject(target);
export const migrateRequest = z.strictObject({
  ...target,
  callback_url: z.url().max(limits.api.urlCharsMax).optional(),
  /** Default: `content` for a pre-copy, whose files were read while they changed, `manifest` for a stop-copy. */
  verify: z.enum(verifications).optional(),
  health_timeout_s: z.number().int().min(1).max(limits.health.timeoutSMax).default(limits.health.timeoutSDefault),
});
export type MigrateRequest = z.infer<typeof migrateRequest>;

/** `stopped`: the operator vouches that the copy which could not be stopped is, for good. Needed only where a host is lost. */
export const retryRequest = z.strictObject({ stopped: z.boolean().default(false) });

export const laneView = z.object({
  /** The volume's name, or `project`. */
  item: z.string(),
  bytes_done: z.number(),
  bytes_total: z.number().nullable(),
});
export const progressView = z.object({
  current: z.string().nullable(),
  bytes_done: z.number(),
  bytes_total: z.number().nullable(),
  /** Over a short window; null until there is one. */
  rate: z.number().nullable(),
  seconds_left: z.number().nullable(),
  items: z.array(laneView),
});
export type ProgressView = z.infer<typeof progressView>;

export const stepView = z.object({
  name: z.enum(steps),
  status: z.enum(['pending', 'running', 'done', 'failed']),
  started_at: time.nullable(),
  ended_at: time.nullable(),
});

const purgeView = z
  .object({
    requested_at: time,
    done_at: time.nullable(),
    remaining: z.array(z.object({ what: z.string(), why: z.string() })),
  })
  .nullable();

/** What is kept after `completed`. */
export const windowView = z.object({
  completed_at: time,
  ends_at: time,
  /** Whether a rollback may still begin. */
  open: z.boolean(),
  reminded_at: time.nullable(),
  /** The copy that is kept was seen running: two copies run. */
  copy_running: z.boolean(),
  source_purge: purgeView,
  target_purge: purgeView,
});

export const rollbackView = z.object({
  phase: z.enum(rollbackPhases),
  requested_at: time,
  ended_at: time.nullable(),
  failure: failure.extend({ phase: z.string() }).nullable(),
  /** Hours of changes that the stack made in its new home and that stay behind there. */
  hours_left_behind: z.number(),
});

export const migrationView = z.object({
  id,
  stack: z.object({ id, name: z.string() }),
  source_host_id: id,
  target_host_id: id,
  mode: z.enum(modes),
  verify: z.enum(verifications),
  sizing: z.enum(sizings),
  status: z.enum(statuses),
  steps: z.array(stepView),
  progress: progressView.nullable(),
  report: report.nullable(),
  failure: failure.extend({ step: z.string() }).nullable(),
  /** What `needs_attention` waits for, or a clean-up that is still owed to a host. */
  owed: z.array(z.object({ host_id: id, what: z.string() })),
  /** Set with `needs_attention`: where the copies are, and what to do. */
  attention: z.object({ why: z.string(), source: z.string(), target: z.string(), todo: z.string() }).nullable(),
  /** Null before `completed`. */
  window: windowView.nullable(),
  /** The newest one asked for. */
  rollback: rollbackView.nullable(),
  created_at: time,
  updated_at: time,
  ended_at: time.nullable(),
});
export type MigrationView = z.infer<typeof migrationView>;

/** Data of a server-sent event of `/migrations/{id}/events`: when, and what belongs to its kind. `progress` has a ProgressView. */
export const migrationEventView = z.looseObject({ at: time });
export type MigrationEventView = z.infer<typeof migrationEventView>;

export const page = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() });

export const pageQuery = z.strictObject({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(limits.control.pageSizeMax).default(limits.control.pageSizeDefault),
});
export const auditQuery = pageQuery.extend({
  /** Id of a token, a host or a relay. */
  actor: id.optional(),
  act: z.string().max(200).optional(),
});
export const migrationsQuery = pageQuery.extend({
  stack: z.string().max(limits.control.stackNameLengthMax).optional(),
  host: id.optional(),
  status: z.enum(statuses).optional(),
  /** Completed migrations whose safety window is over while their source is still kept. */
  cleanup_due: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
});

/** RFC 9457. `report` rides along with `preflight_failed`, `hosts` with `stack_ambiguous`, `errors` with `invalid_request`. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  report: report.optional(),
  hosts: z.array(id).optional(),
  migration_id: id.optional(),
  /** Rides along with `purge_incomplete`. */
  remaining: z.array(z.object({ what: z.string(), why: z.string() })).optional(),
});
