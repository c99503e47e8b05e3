import { type DrainRun, type DrainStack, hasEnded } from '../../../schema/drain.ts';
import { limits } from '../../../schema/limits.ts';

/** The next thing to do, one at a time; null if there is nothing yet. */
export type Due =
  | { kind: 'look' }
  | { kind: 'choose'; stack: DrainStack }
  | { kind: 'start'; stack: DrainStack; target: string };

export function dueOf(run: DrainRun, now: number): Due | null {
  if (hasEnded(run.status) || now < run.retry_at) return null;
  // Also for a paused or aborted drain: it is unknown whether the start arrived, so it is repeated.
  const starting = run.stacks.find(({ status }) => status === 'starting');
  if (starting) {
    const { migration_id, target } = starting;
    return migration_id === null && target !== null ? { kind: 'start', stack: starting, target } : null;
  }
  if (run.status !== 'running') return null;
  if (!run.planned) return { kind: 'look' };
  // What holds may do so for weeks: the others are copied meanwhile.
  const underWay = run.stacks.filter(({ status }) => status === 'moving');
  const moving = underWay.filter(({ holds }) => !holds).length;
  const next = run.stacks.find(({ status }) => status === 'waiting');
  const hasRoom = moving < run.max_parallel && underWay.length - moving < limits.hold.atOnceMax;
  return next && hasRoom ? { kind: 'choose', stack: next } : null;
}

/** True if the drain must wake up by itself: a paused drain without moving stacks waits for an operator. */
export function isWaiting(run: DrainRun): boolean {
  if (hasEnded(run.status)) return false;
  return run.status !== 'paused' || run.stacks.some(({ status }) => status === 'starting' || status === 'moving');
}
