import { type DrainRun, type DrainStack, hasEnded } from '../../schema/drain.ts';

/** What is to be done next, one at a time; null where there is nothing, or nothing yet. */
export type Due =
  | { kind: 'look' }
  | { kind: 'choose'; stack: DrainStack }
  | { kind: 'start'; stack: DrainStack; target: string };

export function dueOf(run: DrainRun, now: number): Due | null {
  if (hasEnded(run.status) || now < run.retry_at) return null;
  // Also of a paused or aborted drain: whether its start arrived is not known, so it is asked for again.
  const starting = run.stacks.find(({ status }) => status === 'starting');
  if (starting) {
    const { migration_id, target } = starting;
    return migration_id === null && target !== null ? { kind: 'start', stack: starting, target } : null;
  }
  if (run.status !== 'running') return null;
  if (!run.planned) return { kind: 'look' };
  const moving = run.stacks.filter(({ status }) => status === 'moving').length;
  const next = run.stacks.find(({ status }) => status === 'waiting');
  return next && moving < run.max_parallel ? { kind: 'choose', stack: next } : null;
}

/** Whether it has to wake up by itself: a paused drain of which nothing moves waits for a person. */
export function isWaiting(run: DrainRun): boolean {
  if (hasEnded(run.status)) return false;
  return run.status !== 'paused' || run.stacks.some(({ status }) => status === 'starting' || status === 'moving');
}
