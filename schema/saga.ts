import type {
  CommandKind,
  CommandPayload,
  CommandResult,
  Deployment,
  Failure,
  ShippedImage,
} from './agent-protocol.ts';
import type { StackImage, StackVolume } from './facts.ts';
import type { Mode, Status, Step, Verification } from './migration-status.ts';

/** The saga's record: all that `advance()` reads and writes. Plain data, stored whole with each transition. */
export interface Saga {
  id: string;
  status: Status;
  source: string;
  target: string;
  /** Rises whenever the direction changes; agents refuse commands of an older one. */
  epoch: number;
  mode: Mode;
  verify: Verification;
  health_timeout_s: number;
  /** How long the source is kept after `completed`. */
  window_ms: number;
  /** From the pre-flight; null before it passed. */
  plan: SagaPlan | null;
  /** Volumes that turned out to differ after a pre-copy, and were sent again as a whole. */
  sent_whole: string[];
  /** Results of this migration's commands, by kind. */
  results: { [K in CommandKind]?: CommandResult<K> };
  /** Commands whose answer is awaited. */
  awaiting: AwaitedCommand[];
  /** Commands that failed and are issued anew at the deadline. */
  retry: CommandKind[];
  /** Commands issued so far: numbers their ids. */
  issued: number;
  steps: { [S in Step]?: StepClock };
  /** When `overdue` is due; null where nothing is waited for. */
  deadline_at: number | null;
  /** Why it goes back; kept for good. */
  failure: SagaFailure | null;
  cancel_requested: boolean;
  undo: Undo | null;
  /** Set by `completed`. */
  window: SafetyWindow | null;
  /** The newest one asked for; a failed one leaves the migration `completed`. */
  rollback: Rollback | null;
  /** Set with `needs_attention`, for as long as it lasts. */
  attention: Attention | null;
}

export interface StepClock {
  started_at: number;
  ended_at: number | null;
}

export type SagaFailure = Failure & { step: Step };

export interface SagaPlan {
  deployment: Deployment;
  volumes: StackVolume[];
  /** On the target already, or to be pulled there. */
  images: StackImage[];
  /** To be sent there before the stop. */
  shipped: ShippedImage[];
  /** Large files go by their changed blocks. */
  blocks: boolean;
  /** A pre-copy makes the containers before the stop. */
  staged: boolean;
}

/**
 * One copy is stopped, then the other is put back: after a failed `migration` the target is stopped and the source put
 * back, after a failed `rollback` the other way round.
 */
export interface Undo {
  from: 'migration' | 'rollback';
  phase: 'stop' | 'restore';
  /** Failures a host answered with, since the phase began or a person asked for a retry. */
  tries: number;
  /** It answered that it could not stop: its lease can't be trusted any more. */
  stop_refused: boolean;
}

/** After `completed` the source is kept. Times are epoch milliseconds. */
export interface SafetyWindow {
  completed_at: number;
  ends_at: number;
  reminded_at: number | null;
  /** The retained copy was seen running, and not stopped since. */
  copy_running: boolean;
  /** From the moment it is set there is no rollback. */
  source_purge: Purge | null;
  /** Of what a rolled back migration left on the target. */
  target_purge: Purge | null;
}

export interface Purge {
  requested_at: number;
  done_at: number | null;
  /** What could not be deleted, at the latest try. */
  remaining: Remaining[];
  /** Nothing was deleted: the host left the fleet, and whatever it keeps is its owner's. */
  host_deleted?: boolean;
}
export type Remaining = CommandResult<'purge_source'>['remaining'][number];

export const rollbackPhases = ['checking', 'halting', 'reviving', 'proving'] as const;
export type RollbackPhase = (typeof rollbackPhases)[number];

export interface Rollback {
  phase: RollbackPhase;
  requested_at: number;
  ended_at: number | null;
  failure: (Failure & { phase: RollbackPhase }) | null;
}

/** What a person needs who has to mend something: where the copies are, and what to do. */
export interface Attention {
  why: string;
  source: string;
  target: string;
  todo: string;
}

export interface AwaitedCommand {
  id: string;
  kind: CommandKind;
  host: string;
}

export type SagaCommand = {
  [K in CommandKind]: { id: string; host: string; epoch: number; kind: K; payload: CommandPayload<K> };
}[CommandKind];
