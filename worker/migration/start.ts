import { limits } from '../../schema/limits.ts';
import type { Mode, Sizing, Verification } from '../../schema/migration-status.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { type Saga, sagaVersion } from '../../schema/saga.ts';
import type { MigrationRow } from './ports.ts';

export interface StartInput {
  stack_id: string;
  stack_name: string;
  source_host_id: string;
  target_host_id: string;
  mode: Mode;
  sizing: Sizing;
  accept_unmoved: boolean;
  verify: Verification;
  health_timeout_s: number;
  callback_url: string | null;
  bandwidth_limit?: number | null;
  window_ms: number;
  /** Id of the token that asked. */
  requested_by: string;
  /** The drain that it is part of. */
  drain_id?: string | null;
}

export type StartOutcome =
  /** `row` is as it was inserted. */
  | { kind: 'started'; id: string; row: MigrationRow }
  /** The pre-flight found it can't be done; nothing was touched. */
  | { kind: 'refused'; id: string; report: Report }
  /** That migration of this stack is still under way. */
  | { kind: 'busy'; id: string }
  /** One of the hosts was deleted meanwhile. */
  | { kind: 'host_deleted' };

/** What both sides compare unless the request says otherwise: files of a pre-copy were read while they changed. */
export function verificationOf(mode: Mode): Verification {
  return mode === 'pre-copy' ? 'content' : 'manifest';
}

/** A migration before anything was asked of any host. */
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
    health_timeout_s: input.health_timeout_s,
    window_ms: input.window_ms,
    plan: null,
    sent_whole: [],
    results: {},
    awaiting: [],
    retry: [],
    issued: 0,
    steps: { preflight: { started_at: now, ended_at: null } },
    deadline_at: now + limits.step.preflightMsMax,
    failure: null,
    cancel_requested: false,
    undo: null,
    window: null,
    rollback: null,
    attention: null,
    arming: null,
    late_proofs: 0,
    source_lost: false,
  };
}
