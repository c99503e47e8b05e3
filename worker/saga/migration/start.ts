import { limits } from '../../../schema/limits.ts';
import type { Mode, Sizing, Verification } from '../../../schema/migration-status.ts';
import { type MoveOptions, moveOptionsOf } from '../../../schema/move-options.ts';
import type { Report } from '../../../schema/preflight-report.ts';
import { type Held, type Saga, sagaVersion } from '../../../schema/saga.ts';
import type { MigrationRow } from './ports.ts';

export interface StartInput extends MoveOptions {
  stack_id: string;
  stack_name: string;
  source_host_id: string;
  target_host_id: string;
  mode: Mode;
  sizing: Sizing;
  verify: Verification;
  health_timeout_s: number;
  callback_url: string | null;
  bandwidth_limit?: number | null;
  window_ms: number;
  /** Id of the API token that requested it. */
  requested_by: string;
  drain_id?: string | null;
  /** Id of the request. */
  trace_id?: string | null;
  /** When a migration that holds cuts over by itself. */
  cut_over_at?: number | null;
}

export type StartOutcome =
  /** The inserted row. */
  | { kind: 'started'; id: string; row: MigrationRow }
  /** The pre-flight failed; nothing was changed. */
  | { kind: 'refused'; id: string; report: Report }
  /** `id`: the stack's active migration. */
  | { kind: 'busy'; id: string }
  | { kind: 'host_deleted' };

const newHold = (cut_over_at: number | null): Held => ({
  cut_over_at,
  cutting_over: false,
  rounds: 0,
  last: null,
  tries: 0,
  failing_since: null,
  changes: [],
});

export function newSaga(id: string, input: StartInput, now: number): Saga {
  return {
    v: sagaVersion,
    id,
    status: 'preflight',
    source: input.source_host_id,
    target: input.target_host_id,
    epoch: 1,
    mode: input.mode,
    verify: input.verify,
    ...moveOptionsOf(input),
    health_timeout_s: input.health_timeout_s,
    window_ms: input.window_ms,
    plan: null,
    sent_whole: [],
    results: {},
    awaiting: [],
    retry: [],
    issued: 0,
    steps: { preflight: { started_at: now, ended_at: null } },
    // Nobody waits for the answer of a drain, whose hosts may just be on their way back.
    deadline_at: now + (input.drain_id ? limits.drain.silenceMsMax : limits.step.preflightMsMax),
    failure: null,
    cancel_requested: false,
    undo: null,
    forwarding: input.forward
      ? { phase: 'planned', proxied: input.proxy_protocol, ended_at: null, last_per_minute: null }
      : null,
    held: input.hold ? newHold(input.cut_over_at ?? null) : null,
    last_passes: 0,
    window: null,
    rollback: null,
    attention: null,
    arming: null,
    late_proofs: 0,
    source_lost: false,
    distrust: false,
    telling: false,
    trace_id: input.trace_id ?? null,
    restorations: 0,
  };
}
