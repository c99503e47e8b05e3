import { z } from 'zod';
import { modes, sizings } from './migration-status.ts';

/** The pre-flight report, as the API gives it and the migration stores it. */

/** The six of the contract first, then those that turn a failure at deploy time into an answer before anything stops. */
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
    /** A sentence for people: what was found and, where it failed, what to do. */
    detail: z.string(),
    /** The numbers and names it was decided by. */
    measured: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'PreflightCheck' });
export type Check = z.infer<typeof check>;

export const plan = z
  .object({
    items: z.array(
      z.object({
        kind: z.enum(['volume', 'project', 'image']),
        name: z.string(),
        /** null where it could not be measured; the total is then a lower bound. */
        size_bytes: z.number().nullable(),
      }),
    ),
    total_bytes: z.number(),
    total_is_lower_bound: z.boolean(),
    /** Seconds, for each mode that both hosts offer. Of a pre-copy, what changes meanwhile is assumed. */
    expected: z.array(z.object({ mode: z.enum(modes), transfer_s: z.number(), downtime_s: z.number() })),
    /** Bytes a second the expectation assumes. */
    assumed_rate: z.number(),
    /** Whether that was measured, by the newest move between these hosts, or is a guess. */
    rate_measured: z.boolean(),
    /** Published ports: clients and DNS must follow to the target's address. */
    ports: z.array(z.object({ service: z.string(), port: z.number(), protocol: z.string() })),
    address_change: z.object({ from_host: z.string(), to_host: z.string() }),
    /** Written outside any volume: does not move. */
    unmoved_layers: z.array(z.object({ container: z.string(), size_bytes: z.number() })),
  })
  .meta({ id: 'Plan' });
export type Plan = z.infer<typeof plan>;

export const report = z
  .object({
    passed: z.boolean(),
    checks: z.array(check),
    notes: z.array(z.string()),
    plan: plan.nullable(),
    /** What the target must have room for; counted as taken while the migration runs. Null where the source did not answer. */
    needs: z.object({ memory_bytes: z.number(), disk_bytes: z.number() }).nullable(),
    /** What the report was made for; another target or option needs another report. */
    inputs: z.object({
      stack_id: z.string(),
      source_host_id: z.string(),
      target_host_id: z.string(),
      sizing: z.enum(sizings),
      mode: z.enum(modes),
      accept_unmoved: z.boolean(),
    }),
    made_at: z.number(),
  })
  .meta({ id: 'PreflightReport' });
export type Report = z.infer<typeof report>;
export type ReportInputs = Report['inputs'];
