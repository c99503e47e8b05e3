import type { CommandKind } from '../../schema/agent-protocol.ts';
import type { ErrorCode } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { Purge, Remaining, SafetyWindow, Saga } from '../../schema/saga.ts';
import { say, send, type Turn } from './turn.ts';

/**
 * After `completed` the source is kept until somebody deletes it: never by itself. While the window is open a rollback
 * brings it back; a purge ends that. Both are events of one saga, so of two at once the first to be committed wins.
 */
export interface Refusal {
  code: ErrorCode;
  message: string;
}

/** Null where a rollback may begin. */
export function rollbackRefusal(saga: Saga, now: number): Refusal | null {
  const { status, window, arming } = saga;
  const completed = status === 'completed' || (status === 'needs_attention' && arming?.end === 'completed');
  if (!completed || !window)
    return {
      code: 'migration_not_completed',
      message: `It is "${status}"; only a completed migration is rolled back.`,
    };
  if (window.source_purge?.host_deleted)
    return {
      code: 'source_purged',
      message: 'The source host was deleted from the fleet: there is nothing to roll back to.',
    };
  if (window.source_purge)
    return { code: 'source_purged', message: 'What the source kept has been deleted, or begun to be.' };
  // While the target does not run the stack there is nothing to migrate back.
  if (now >= window.ends_at && !arming)
    return { code: 'window_closed', message: 'The safety window has closed. Migrate the stack back instead.' };
  return null;
}

/** Null where a purge may begin, is under way, or is done. */
export function purgeRefusal(saga: Saga, side: 'source' | 'target'): Refusal | null {
  const { status } = saga;
  if (side === 'source' && status !== 'completed')
    return {
      code: 'migration_not_completed',
      message: `It is "${status}"; the source can be deleted only of a completed migration.`,
    };
  if (side === 'target' && status !== 'rolled_back')
    return {
      code: 'migration_not_rolled_back',
      message: `It is "${status}"; what is on the target can be deleted only of a migration that was rolled back.`,
    };
  if (owesArming(saga))
    return {
      code: side === 'source' ? 'target_unreachable' : 'host_offline',
      message:
        'The stack has not yet been confirmed running in its home, so its other copy is kept. Try again in a moment.',
    };
  return null;
}

export function purgeOf(window: SafetyWindow | null, side: 'source' | 'target'): Purge | null {
  return (side === 'source' ? window?.source_purge : window?.target_purge) ?? null;
}

export function isPurged(window: SafetyWindow | null, side: 'source' | 'target'): boolean {
  return (purgeOf(window, side)?.done_at ?? null) !== null;
}

/** Whether a host has yet to do this. */
export function owes({ awaiting, retry }: Saga, kind: CommandKind): boolean {
  return awaiting.some((awaited) => awaited.kind === kind) || retry.includes(kind);
}

/**
 * It has ended, but its stack still runs under a lease, with its policies off. Another migration of the stack must not
 * begin: what is owed would start the stack again where the next one has stopped it.
 */
export const owesArming = (saga: Saga): boolean => owes(saga, 'arm_target') || owes(saga, 'arm_source');

/** A repeat tries again what remained; one of a purge that is under way, or done, changes nothing. */
export function beginPurge(turn: Turn, side: 'source' | 'target'): boolean {
  const { saga } = turn;
  const { window } = saga;
  const kind = side === 'source' ? 'purge_source' : 'purge_target';
  const before = purgeOf(window, side);
  if (!window || purgeRefusal(saga, side)) return false;
  if (isPurged(window, side) || owes(saga, kind)) return false;
  const purge: Purge = { requested_at: before?.requested_at ?? turn.now, done_at: null, remaining: [] };
  if (side === 'source') window.source_purge = purge;
  else window.target_purge = purge;
  send(turn, kind);
  say(turn, 'notice', { message: `deletion of what is kept on the ${side} has begun` });
  return true;
}

export function purgeEnded(turn: Turn, side: 'source' | 'target', { remaining }: { remaining: Remaining[] }): void {
  const purge = purgeOf(turn.saga.window, side);
  if (!purge) return;
  purge.remaining = remaining;
  if (remaining.length === 0) purge.done_at = turn.now;
  const message =
    remaining.length === 0 ? `what was kept on the ${side} is deleted` : `some of what is kept on the ${side} remains`;
  say(turn, 'notice', { message, remaining });
}

/** Once for each migration, after its window, while the source is still there. */
export function remind(turn: Turn): boolean {
  const { status, window } = turn.saga;
  if (status !== 'completed' || !window || window.reminded_at !== null) return false;
  if (turn.now < window.ends_at || isPurged(window, 'source')) return false;
  window.reminded_at = turn.now;
  say(turn, 'cleanup_due', {
    message: 'The safety window has closed. The source still keeps its copy: delete it when you no longer need it.',
    hours: Math.round((window.ends_at - window.completed_at) / 36_000) / 100,
  });
  return true;
}

/** F45: someone, or a boot unit, started the copy that is kept. Told once each time it happens. */
export function seeCopy(turn: Turn, running: boolean): boolean {
  const { status, window } = turn.saga;
  if (!window || window.copy_running === running) return false;
  window.copy_running = running;
  const side = status === 'completed' ? 'source' : 'target';
  if (running)
    say(turn, 'failure', {
      code: 'stack_running',
      message: `The copy that is kept on the ${side} runs, beside the stack in its home. Stackferry did not start it: stop it there.`,
    });
  else say(turn, 'notice', { message: `the copy that is kept on the ${side} is stopped again` });
  return true;
}

/** The window's length from the environment, in hours; anything that is no sensible number is refused loudly. */
export function windowMsOf(hours: string | undefined): number {
  const { safetyWindowHoursDefault, safetyWindowHoursMax } = limits.window;
  const value = hours === undefined || hours === '' ? safetyWindowHoursDefault : Number(hours);
  if (Number.isFinite(value) && value >= 0 && value <= safetyWindowHoursMax) return Math.round(value * 3_600_000);
  throw new Error(`SAFETY_WINDOW_HOURS is "${hours}"; it must be a number of hours up to ${safetyWindowHoursMax}`);
}
