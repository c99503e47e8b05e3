import type { RelayAddress } from '../../../schema/commands/parts.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import type { HostFacts } from '../../../schema/host-facts.ts';
import type { Report, ReportInputs } from '../../../schema/preflight-report.ts';
import type { ImageLogin } from '../../../schema/registry-logins.ts';
import type { SagaPlan } from '../../../schema/saga.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';

/** An answer, or why there is none. `offline`: the host is not connected, so nothing is known about it. */
export type Answered<T> =
  | { ok: true; data: T; asked_at: number; answered_at: number }
  | { ok: false; why: string; offline: boolean };

/** What the source says of its registry logins; null if it was not asked. */
export type Logins = Answered<ImageLogin[]> | null;

/** Everything a pre-flight measured; the checks are pure functions of it. */
export interface PreflightFacts {
  inputs: ReportInputs;
  now: number;
  source: Answered<HostFacts>;
  target: Answered<HostFacts>;
  stack: Answered<StackFacts>;
  fit: Answered<TargetFacts>;
  logins: Logins;
  relays: RelayAddress[];
  names: { source: string; target: string };
  /** The target is cordoned. */
  cordoned: boolean;
  /** Id of this stack's active migration. */
  running_migration: string | null;
  /**
   * The API call that deletes the copy of this stack kept on the target by an earlier migration; null if there is none.
   */
  kept: string | null;
  /** Room of the target reserved by active migrations. */
  reserved: Room;
  /** Bytes per second between these hosts; null if not measured yet. */
  measured_rate: number | null;
  /** Bytes per second that the source may send; null for any. */
  bandwidth_limit: number | null;
  /** Seconds that the stack took to stop and to start in its latest move; null if it has not moved yet. */
  measured_stop_start_s: number | null;
}

/** Room on a host. */
export interface Room {
  memory_bytes: number;
  disk_bytes: number;
}

export interface Preflight {
  report: Report;
  /** A host, or every relay, was not connected: a later pre-flight may pass. */
  offline: boolean;
  /**
   * The target's room beyond this stack's needs, which limits what may be reserved for others. Null unless the report
   * passed.
   */
  spare: Room | null;
  /** Null unless the report passed. */
  plan: SagaPlan | null;
  project: string;
}
