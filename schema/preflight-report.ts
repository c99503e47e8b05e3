import { z } from 'zod';
import { leftOut } from './facts.ts';
import { lift } from './lift.ts';
import { limits } from './limits.ts';
import { modes, sizings } from './migration-status.ts';
import { moveOptions } from './move-options.ts';

/** The pre-flight report, as the API returns it and the migration stores it. */

/** The first six are the API's contract; the others catch failures of the deploy before anything stops. */
export const checkNames = [
  'target_online',
  'no_concurrent',
  'source_online',
  'source_metrics',
  'target_capacity',
  'target_disk',
  'relay_online',
  'image_available',
  'ports_free',
  'project_free',
  'names_free',
  'volumes_free',
  'path_free',
  'networks_present',
  'devices_present',
  'platform_match',
  'engine_compatible',
  'helper_ready',
  'compose_supported',
  'config_current',
  'policy_allows',
  'clocks_agree',
] as const;
export type CheckName = (typeof checkNames)[number];

export const check = z
  .object({
    name: z.enum(checkNames),
    status: z.enum(['pass', 'fail', 'note', 'skipped']),
    /** A sentence for people: the finding and, after a failure, what to do. */
    detail: z.string(),
    /** The numbers and names that decided it. */
    measured: z.record(z.string(), z.unknown()),
    lifted_by: z
      .array(lift)
      .default([])
      .describe(
        'After a failure: the ways to lift it by options, the best one first; each suffices. Empty if something has to be fixed.',
      ),
  })
  .meta({ id: 'PreflightCheck' });
export type Check = z.infer<typeof check>;

export const plan = z
  .object({
    items: z.array(
      z.object({
        kind: z.enum(['volume', 'bind', 'project', 'image']),
        name: z.string(),
        /** Where a bind mount's data goes, if not to the same path. */
        place: z.string().optional(),
        /** Null if it could not be measured; the total is then a lower bound. */
        size_bytes: z.number().nullable(),
      }),
    ),
    total_bytes: z.number(),
    total_is_lower_bound: z.boolean(),
    /** Seconds, for each mode that both hosts offer. For a pre-copy, the share that changes meanwhile is assumed. */
    expected: z.array(z.object({ mode: z.enum(modes), transfer_s: z.number(), downtime_s: z.number() })),
    /** Assumed rate, bytes per second; never above the limit that was asked for. */
    assumed_rate: z.number(),
    /** True if the rate was measured in the latest move between these hosts, false if it is a guess. */
    rate_measured: z.boolean(),
    /** True if it is the limit that was asked for: the line would take more. */
    rate_limited: z.boolean().default(false),
    /** Part of the downtime: to stop the stack, and to create, start and verify it. Seconds. */
    stop_start_s: z.number().default(limits.plan.assumedStopStartS),
    /** True if that was measured in the stack's latest move, false if it is a guess. */
    stop_start_measured: z.boolean().default(false),
    /** Published ports: clients and DNS must follow to the target's address. */
    ports: z.array(z.object({ service: z.string(), port: z.number(), protocol: z.string() })),
    address_change: z.object({ from_host: z.string(), to_host: z.string() }),
    /** Data written outside any volume, which does not move. */
    unmoved_layers: z.array(z.object({ container: z.string(), size_bytes: z.number() })),
  })
  .meta({ id: 'Plan' });
export type Plan = z.infer<typeof plan>;

export const report = z
  .object({
    passed: z.boolean(),
    checks: z.array(check),
    notes: z.array(z.string()),
    /** Bind mounts outside the project directory. */
    bind_mounts: z
      .array(
        z.object({
          path: z.string(),
          size_bytes: z.number().nullable(),
          /** Null if the target could not be asked. */
          exists_on_target: z.boolean().nullable(),
          /** Where its data goes; null if it stays. */
          place: z.string().nullable(),
          /** Why it can't move; null if it can. */
          obstacle: z.string().nullable(),
        }),
      )
      .default([]),
    left_out: z
      .array(leftOut)
      .default([])
      .describe('What each pattern of `exclude` leaves out, as far as it was looked at.'),
    plan: plan.nullable(),
    /** Room that the target must have; reserved while the migration runs. Null if the source did not answer. */
    needs: z.object({ memory_bytes: z.number(), disk_bytes: z.number() }).nullable(),
    /** What the report applies to; another target or option needs another report. */
    inputs: z.object({
      stack_id: z.string(),
      source_host_id: z.string(),
      target_host_id: z.string(),
      sizing: z.enum(sizings),
      mode: z.enum(modes),
      ...moveOptions.shape,
    }),
    made_at: z.number(),
  })
  .meta({ id: 'PreflightReport' });
export type Report = z.infer<typeof report>;
export type ReportInputs = Report['inputs'];
