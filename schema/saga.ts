import type { CommandKind, CommandPayload, CommandResult, Deployment, Failure } from './agent-protocol.ts';
import type { StackImage, StackVolume } from './facts.ts';
import type { Status, Step } from './migration-status.ts';

/** The saga's record: all that `advance()` reads and writes. Plain data, stored whole with each transition. */
export interface Saga {
  id: string;
  status: Status;
  source: string;
  target: string;
  /** Rises whenever the direction changes; agents refuse commands of an older one. */
  epoch: number;
  health_timeout_s: number;
  /** From the pre-flight; null before it passed. */
  plan: SagaPlan | null;
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
}

export interface StepClock {
  started_at: number;
  ended_at: number | null;
}

export type SagaFailure = Failure & { step: Step };

export interface SagaPlan {
  deployment: Deployment;
  volumes: StackVolume[];
  images: StackImage[];
}

/** The way back: first the target is known to be stopped, then the source is put back. */
export interface Undo {
  phase: 'stop_target' | 'restore_source';
  /** Failures a host answered with; one of `stop_target` means its lease can't be trusted any more. */
  failures: number;
}

export interface AwaitedCommand {
  id: string;
  kind: CommandKind;
  host: string;
}

export type SagaCommand = {
  [K in CommandKind]: { id: string; host: string; epoch: number; kind: K; payload: CommandPayload<K> };
}[CommandKind];
