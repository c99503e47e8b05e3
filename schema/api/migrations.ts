import { z } from 'zod';
import { failure } from '../agent-protocol.ts';
import { bytesPerSecond } from '../byte-rate.ts';
import { pointedRecord } from '../cutover-names.ts';
import { leftOut } from '../facts.ts';
import { forwardedPort, forwardingPhases, trafficReport } from '../forwarding.ts';
import { limits } from '../limits.ts';
import { modes, sizings, statuses, steps, verifications } from '../migration-status.ts';
import { report } from '../preflight-report.ts';
import { attention, resolutions, rollbackPhases } from '../saga.ts';
import { objectId as id, pageQuery, repeated, sortOrder, time, zonedTime } from './common.ts';
import { receiptView } from './receipt.ts';

/** Migrations, and what may be asked of one. */

export const changeMigration = z
  .strictObject({
    bandwidth_limit: bytesPerSecond().nullable().describe('Bytes per second; null for no limit.'),
  })
  .meta({ id: 'ChangeMigration' });

export const cutoverRequest = z
  .strictObject({
    at: zonedTime.optional().describe('When to cut over; default: now.'),
  })
  .meta({ id: 'CutoverRequest' });

export const retryRequest = z
  .strictObject({
    stopped: z
      .boolean()
      .default(false)
      .describe(
        'Your assertion that the copy which could not be stopped is stopped for good. Needed only if a host is lost.',
      ),
  })
  .meta({ id: 'RetryRequest' });

export const resolveRequest = z
  .strictObject({
    resolution: z
      .enum(resolutions)
      .describe(
        'The host that is lost for good, or `give_up`. `attention.resolutions` lists the options and their consequences.',
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
    rate: z
      .number()
      .nullable()
      .describe('Bytes per second over a short window until now, 0 without reports; null until it is known.'),
    seconds_left: z.number().nullable(),
    history: z
      .array(z.number())
      .default([])
      .describe('Bytes per second of the last minutes: a value for every five seconds, oldest first.'),
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
    left_out: z
      .array(z.string())
      .default([])
      .describe('Directories that stay, with only what the migration left out in them.'),
    host_deleted: z.boolean().describe('Nothing was deleted: the host had left the fleet with the copy on it.'),
  })
  .meta({ id: 'Purge' })
  .nullable();

/** Retention after `completed`. */
export const windowView = z
  .object({
    completed_at: time,
    ends_at: time,
    open: z.boolean().describe('A rollback can still be started.'),
    reminded_at: time.nullable(),
    copy_running: z.boolean().describe('The retained copy was seen running: two copies run.'),
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
    hours_left_behind: z.number().describe('Hours of changes on the target that a rollback leaves behind there.'),
  })
  .meta({ id: 'Rollback' });

export const holdView = z
  .object({
    cut_over_at: time.nullable().describe('When it cuts over by itself; null: on request.'),
    cutting_over: z.boolean().describe('The stop follows the pass that is under way.'),
    last_pass: z
      .object({
        ended_at: time,
        bytes: z.number().describe('What it carried.'),
        seconds: z
          .number()
          .describe(
            'How long it took. What changes until a cutover takes at most about as long, in the downtime; stopping and starting the containers comes on top.',
          ),
      })
      .nullable()
      .describe('The latest pass that arrived; null before the first one.'),
    changes: z
      .array(z.string())
      .describe('How the running stack differs from the one that was checked; it is not cut over while it does.'),
  })
  .meta({ id: 'Hold' });

export const forwardingView = z
  .object({
    phase: z
      .enum(forwardingPhases)
      .describe(
        'New connections to the source: `planned`: reach its stack; `holding`: wait; `forwarding`: go on to the target; `released`: reach its stack again; `ended`: are refused.',
      ),
    ports: z.array(forwardedPort).describe('Published TCP and UDP ports; an empty `host_ip` is every address.'),
    proxy_protocol: z.array(z.number()).describe('Ports whose app is sent the client’s address.'),
    ends_at: time.nullable().describe('When it ends by itself, with the safety window; null before that is known.'),
    ended_at: time.nullable(),
  })
  .meta({ id: 'Forwarding' });

export const trafficView = trafficReport
  .meta({ id: 'Traffic' })
  .describe(
    'Connections that still come to the source, counted there since the first of them was held; a restart of the agent does not reset the count.',
  );
export type TrafficView = z.infer<typeof trafficView>;

/** A host of the migration by its name, which outlives its deletion. */
const migrationHost = z.object({ name: z.string(), deleted_at: time.nullable() }).meta({ id: 'MigrationHost' });

export const migrationView = z
  .object({
    id,
    stack: z.object({ id, name: z.string() }),
    source_host_id: id,
    target_host_id: id,
    source_host: migrationHost.nullable().default(null),
    target_host: migrationHost.nullable().default(null),
    home: z
      .object({ id, name: z.string() })
      .nullable()
      .default(null)
      .describe('The host on which the stack lives now; null if none reports it, or that host was deleted.'),
    superseded_by: id
      .nullable()
      .default(null)
      .describe('The next migration of this stack that is active or completed: while there is one, no rollback.'),
    requested_by: z
      .object({ id, name: z.string() })
      .nullable()
      .default(null)
      .describe('The API token with which it was started.'),
    drain_id: id.nullable().default(null).describe('The drain that it is part of.'),
    mode: z.enum(modes),
    verify: z.enum(verifications),
    sizing: z.enum(sizings),
    bandwidth_limit: z.number().int().nullable().describe('Bytes per second that the source may send.'),
    status: z.enum(statuses),
    cancel_requested: z
      .boolean()
      .default(false)
      .describe('While `reverting`: it is being cancelled, and has not failed.'),
    steps: z.array(stepView),
    hold: holdView.nullable().default(null).describe('Null unless `hold` was asked for.'),
    names: z
      .array(
        z.object({
          zone: z.string(),
          name: z.string(),
          records: z
            .array(pointedRecord.extend({ says: z.string().describe('In one sentence.') }))
            .describe('What the target’s agent last did with them; none before it has answered.'),
        }),
      )
      .default([])
      .describe('DNS names of `cutover_dns`.'),
    forwarding: forwardingView.nullable().default(null).describe('Null unless `forward` was asked for.'),
    progress: progressView.nullable(),
    report: report.nullable(),
    left_out: z
      .array(leftOut)
      .default([])
      .describe('What each pattern of `exclude` left on the source, with some of its paths; measured before the stop.'),
    failure: failure.extend({ step: z.string() }).nullable(),
    owed: z
      .array(z.object({ host_id: id, what: z.string() }))
      .describe('Work that a host has yet to do: what `needs_attention` waits for, or a pending clean-up.'),
    attention: attention.nullable().describe('Set with `needs_attention`: where the copies are, and what to do.'),
    window: windowView.nullable().describe('Null before `completed`.'),
    rollback: rollbackView.nullable().describe('The latest rollback requested.'),
    receipt: receiptView.nullable().default(null).describe('Once completed; not in lists.'),
    downtime: z
      .object({ began_at: time, ended_at: time.nullable() })
      .nullable()
      .default(null)
      .describe('From the stop to the proof that the stack runs again; null before the stop, no end while it is down.'),
    created_at: time,
    updated_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'Migration' });
export type MigrationView = z.infer<typeof migrationView>;

/** Data of a server-sent event of `/migrations/{id}/events`: its time and the fields of its kind. `progress` has a ProgressView. */
export const migrationEventView = z.looseObject({ at: time });
export type MigrationEventView = z.infer<typeof migrationEventView>;

export const migrationSorts = ['began', 'stack', 'state'] as const;
export const migrationsQuery = pageQuery.extend({
  search: z
    .string()
    .max(limits.control.stackNameLengthMax)
    .optional()
    .describe('Part of the name of the stack or of one of its hosts.'),
  stack: z.string().max(limits.control.stackNameLengthMax).optional().describe("The stack's name."),
  host: id.optional().describe('Source or target.'),
  status: repeated(statuses).optional().describe('Status of the migrations; repeat it for several.'),
  drain: id.optional().describe('Only migrations of this drain.'),
  created_after: zonedTime.optional().describe('Only migrations requested then or later.'),
  created_before: zonedTime.optional().describe('Only migrations requested before.'),
  kept: z
    .enum(['true'])
    .optional()
    .describe('Only migrations whose old copy is still kept; with `host`, kept on that host.'),
  cleanup_due: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .describe('Only completed migrations whose safety window has ended and whose source is still kept.'),
  sort: z.enum(migrationSorts).default('began').describe('`stack`: by its name.'),
  order: sortOrder('desc'),
  expand: z
    .enum(['report'])
    .optional()
    .describe('`report`: with the report of each pre-flight, which is null otherwise.'),
});

export const migrationQuery = z.strictObject({
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(limits.api.waitSMax)
    .default(0)
    .describe('Seconds to wait for its end; the answer comes with the end, or after that time.'),
});
