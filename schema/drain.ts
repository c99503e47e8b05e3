import type { Lift } from './lift.ts';
import type { Mode } from './migration-status.ts';
import type { MoveOptions } from './move-options.ts';

/**
 * The life of a drain, and of each stack in it.
 *
 *   drain   running ⇄ paused → completed | failed        stack   waiting → starting → moving → moved
 *              └─────────┴──→ aborting → aborted                    └─────────┴─────────┴────→ stayed
 *                                                                   └→ gone
 */
export const activeDrainStatuses = ['running', 'paused', 'aborting'] as const;
/** `completed`: all moved. `failed`: something stayed. `aborted`: aborted, and something stayed. */
export const endedDrainStatuses = ['completed', 'failed', 'aborted'] as const;
export const drainStatuses = [...activeDrainStatuses, ...endedDrainStatuses] as const;
export type DrainStatus = (typeof drainStatuses)[number];

/** `gone`: it was no longer on the host when its turn came. */
export const drainStackStatuses = ['waiting', 'starting', 'moving', 'moved', 'stayed', 'gone'] as const;
export type DrainStackStatus = (typeof drainStackStatuses)[number];

export function hasEnded(status: DrainStatus): boolean {
  return (endedDrainStatuses as readonly string[]).includes(status);
}

/**
 * The drain's record: all that `worker/saga/drain/advance.ts` reads and writes; absent options are off. Times are epoch
 * milliseconds.
 */
export interface DrainRun extends Partial<MoveOptions> {
  id: string;
  /** The host being drained. */
  host: string;
  status: DrainStatus;
  /** The only host that may take stacks; null for any. */
  target: string | null;
  mode: Mode;
  /** Fills as few hosts as possible; absent: spreads the stacks. */
  pack?: boolean;
  /** By name, what differs for a stack. */
  per_stack?: Record<string, StackOptions>;
  max_parallel: number;
  /** All stacks were inspected and are in their final order. */
  planned: boolean;
  stacks: DrainStack[];
  /** Since when required hosts have been silent. */
  silent_since: number | null;
  /** Earliest time of the next try. */
  retry_at: number;
  /** An abort also cancels running migrations. */
  cancel_running: boolean;
}

/** What differs for one stack of a drain. */
export type StackOptions = Omit<Lift, 'sizing'> & {
  target_host_id?: string | undefined;
  /** It stays where it is. */
  leave?: boolean | undefined;
};

export interface DrainStack {
  id: string;
  name: string;
  status: DrainStackStatus;
  /** When it entered its status. */
  since: number;
  /** Its destination; while it waits, the planned one. */
  target: string | null;
  fit: Fit | null;
  migration_id: string | null;
  /** While it moves: since when its migration has needed a person. */
  stuck_since: number | null;
  /** Its migration holds, and takes no place meanwhile; absent: it does not. */
  holds?: boolean;
  /** Why it stayed; while it waits, what the plan found in its way. */
  obstacle: Obstacle | null;
}

/** What a stack needs including margins, and what its target has free after earlier reservations. Bytes. */
export interface Fit {
  memory_needed_bytes: number;
  memory_free_bytes: number;
  disk_needed_bytes: number;
  disk_free_bytes: number;
}

/** `code` is an error code, one of the pre-flight's, or one of the plan's below. */
export interface Obstacle {
  code: string;
  message: string;
  /** Ways to lift it by options; each suffices. */
  lifted_by?: Lift[];
}

export const planObstacles = {
  /** No other host accepts migrations. */
  no_target: 'no_target',
  /** No host has the room, even for this stack alone. */
  too_big: 'too_big',
  /** A host has the room, but not besides the stacks planned before. */
  no_room_left: 'no_room_left',
  needs_attention: 'needs_attention',
  rolled_back: 'rolled_back',
  aborted: 'aborted',
} as const;
