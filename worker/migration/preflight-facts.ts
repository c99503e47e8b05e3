import type { RelayAddress } from '../../schema/agent-protocol.ts';
import type { HostFacts, StackFacts, TargetFacts } from '../../schema/facts.ts';
import type { Report, ReportInputs } from '../../schema/preflight-report.ts';
import type { SagaPlan } from '../../schema/saga.ts';

/** An answer, or the words in which it failed to come. */
export type Answered<T> = { ok: true; data: T; asked_at: number; answered_at: number } | { ok: false; why: string };

/** All that a pre-flight measured; the checks are pure functions of it. */
export interface PreflightFacts {
  inputs: ReportInputs;
  now: number;
  source: Answered<HostFacts>;
  target: Answered<HostFacts>;
  stack: Answered<StackFacts>;
  fit: Answered<TargetFacts>;
  relays: RelayAddress[];
  names: { source: string; target: string };
  /** The target is closed to migrations. */
  cordoned: boolean;
  /** Another migration of this stack that is under way. */
  running_migration: string | null;
  /** The call that deletes the copy of this stack which an earlier migration keeps on the target; null where none does. */
  kept: string | null;
  /** What migrations under way will still take on the target. */
  reserved: Room;
  /** Bytes a second between these hosts; null where nothing was measured yet. */
  measured_rate: number | null;
}

/** Bytes of a target. */
export interface Room {
  memory_bytes: number;
  disk_bytes: number;
}

export interface Preflight {
  report: Report;
  /** What the target has beyond this stack's needs: no more may be promised to others. Null unless the report passed. */
  spare: Room | null;
  /** Null unless the report passed. */
  plan: SagaPlan | null;
  project: string;
}
