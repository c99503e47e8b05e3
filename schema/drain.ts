import type { Mode } from './migration-status.ts';

/**
 * The life of a drain, and of each stack in it.
 *
 *   drain   running ⇄ paused → completed | failed        stack   waiting → starting → moving → moved
 *              └─────────┴──→ aborting → aborted                    └─────────┴─────────┴────→ stayed
 *                                                                   └→ gone
 */
export const activeDrainStatuses = ['running', 'paused', 'aborting'] as const;
/** All moved; something stayed; it was aborted, and something stayed. */
export const endedDrainStatuses = ['completed', 'failed', 'aborted'] as const;
export const drainStatuses = [...activeDrainStatuses, ...endedDrainStatuses] as const;
export type DrainStatus = (typeof drainStatuses)[number];

/** `gone`: it was no longer on the host when its turn came. */
export const drainStackStatuses = ['waiting', 'starting', 'moving', 'moved', 'stayed', 'gone'] as const;
export type DrainStackStatus = (typeof drainStackStatuses)[number];

export function hasEnded(status: DrainStatus): boolean {
  return (endedDrainStatuses as readonly string[]).includes(status);
}

/** The drain's record: all that `worker/drain/advance.ts` reads and writes. Times are epoch milliseconds. */
export interface DrainRun {
  id: string;
  /** The one that is emptied. */
  host: string;
  status: DrainStatus;
  /** The only host that may take stacks; null for any. */
  target: string | null;
  mode: Mode;
  accept_unmoved: boolean;
  max_parallel: number;
  /** All stacks were looked at once, and stand in the order they go in. */
  planned: boolean;
  stacks: DrainStack[];
  /** Since when hosts that are needed don't answer. */
  silent_since: number | null;
  /** Nothing is tried before. */
  retry_at: number;
  /** Of an abort. */
  cancel_running: boolean;
}

export interface DrainStack {
  id: string;
  name: string;
  status: DrainStackStatus;
  /** When it came to its status. */
  since: number;
  /** Where it goes, or went; while it waits, where the plan sees it. */
  target: string | null;
  fit: Fit | null;
  migration_id: string | null;
  /** While it moves: since when its migration needs a person. */
  stuck_since: number | null;
  /** Why it stayed; while it waits, what the plan found in its way. */
  obstacle: Obstacle | null;
}

/** What a stack needs with its margins, and what its target has, less what was promised to others before. Bytes. */
export interface Fit {
  memory_needed_bytes: number;
  memory_free_bytes: number;
  disk_needed_bytes: number;
  disk_free_bytes: number;
}

/** `code` is an error code, or one of the pre-flight's and the plan's own below. */
export interface Obstacle {
  code: string;
  message: string;
}

export const planObstacles = {
  /** No other host is open to migrations. */
  no_target: 'no_target',
  /** None has the room, even for this stack alone. */
  too_big: 'too_big',
  /** One has, but not beside the stacks that were planned before. */
  no_room_left: 'no_room_left',
  needs_attention: 'needs_attention',
  rolled_back: 'rolled_back',
  aborted: 'aborted',
} as const;
