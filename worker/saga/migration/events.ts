import type { Failure } from '../../../schema/agent-protocol.ts';
import type { Resolution, SagaPlan } from '../../../schema/saga.ts';
import type { CommandDone } from './results.ts';

/** Every event of a migration. */
export type SagaEvent =
  | { type: 'preflight_passed'; plan: SagaPlan }
  | { type: 'preflight_refused'; failure: Failure }
  | CommandDone
  | CommandFailed
  /** A host was unreachable for longer than its limit. */
  | { type: 'agent_lost'; host: string }
  /** Bytes were transferred since the last check. */
  | { type: 'moved' }
  /**
   * `deadline_at` has passed. `leased_until`: end of the last lease granted to either host; null if none. `moved_on`: its
   * hosts are being asked for their records, and the stack no longer lives on the target.
   */
  | { type: 'overdue'; leased_until?: number | null; moved_on?: boolean }
  | { type: 'cancel' }
  /** Ends the hold, or at that time. */
  | { type: 'cutover'; at: number | null }
  /** An operator's decision about a migration that needs attention. */
  | { type: 'resolve'; resolution: Resolution }
  /** An operator fixed the cause. `stopped`: they confirm that the copy to be stopped is stopped for good. */
  | { type: 'retry'; stopped: boolean }
  | { type: 'rollback' }
  | { type: 'purge'; side: 'source' | 'target' }
  /** Connections to the source need no longer be forwarded. */
  | { type: 'end_forwarding' }
  /** The safety window may have passed. `per_minute`: connections to the old address, null if nobody knows. */
  | { type: 'remind'; per_minute: number | null }
  /** Whether the retained source copy runs, as its host reports. */
  | { type: 'copy_seen'; running: boolean }
  /** The database was restored: this record is older than what its hosts did. */
  | { type: 'restored' }
  /** The host was deleted from the fleet. */
  | { type: 'host_deleted'; host: string };

export interface CommandFailed {
  type: 'command_failed';
  command_id: string;
  failure: Failure;
}
