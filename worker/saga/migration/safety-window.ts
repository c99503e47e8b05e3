import type { CommandKind } from '../../../schema/commands.ts';
import { limits } from '../../../schema/limits.ts';
import type { Purge, Remaining, SafetyWindow, Saga } from '../../../schema/saga.ts';
import { shortened } from '../../../schema/shortened.ts';
import { comingSays } from '../../../schema/units.ts';
import { endForwarding } from './forwarding.ts';
import type { Refusal } from './refusal.ts';
import { recordEvent, send, type TransitionDraft } from './transition.ts';

/**
 * After `completed` the source's copy is kept until somebody deletes it, never deleted automatically. A rollback is
 * possible while the window is open and no purge has begun. Both are events of one saga, so the first to commit wins.
 */
export function openWindow({ saga, now }: TransitionDraft): SafetyWindow {
  const untouched = { reminded_at: null, copy_running: false, copy_ran: false, source_purge: null, target_purge: null };
  return { completed_at: now, ends_at: now + saga.window_ms, ...untouched };
}

/** Returns null if a rollback may begin. */
export function rollbackRefusal(saga: Saga, now: number): Refusal | null {
  const { status, window, arming } = saga;
  const completed = status === 'completed' || (status === 'needs_attention' && arming?.end === 'completed');
  if (!completed || !window)
    return {
      code: 'migration_not_completed',
      message: `The migration is "${status}"; only a completed one can be rolled back.`,
    };
  if (window.source_purge?.host_deleted)
    return {
      code: 'source_purged',
      message: 'The source host was deleted from the fleet: there is nothing to roll back to.',
    };
  if (window.source_purge)
    return { code: 'source_purged', message: 'What the source kept has been deleted, or begun to be.' };
  // Without a confirmed running stack on the target, migrating back is not possible, so the rollback stays open.
  if (now >= window.ends_at && !arming)
    return { code: 'window_closed', message: 'The safety window has closed. Migrate the stack back instead.' };
  return null;
}

/** Returns null if a purge may begin, is running, or is done. */
export function purgeRefusal(saga: Saga, side: 'source' | 'target'): Refusal | null {
  const { status } = saga;
  if (side === 'source' && status !== 'completed')
    return {
      code: 'migration_not_completed',
      message: `The migration is "${status}"; its source copy can be deleted only once it has completed.`,
    };
  if (side === 'target' && status !== 'rolled_back')
    return {
      code: 'migration_not_rolled_back',
      message: `The migration is "${status}"; what is on the target can be deleted only after a rollback.`,
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

/** True if the command is awaited or will be retried. */
export function owes({ awaiting, retry }: Saga, kind: CommandKind): boolean {
  return awaiting.some((awaited) => awaited.kind === kind) || retry.includes(kind);
}

/**
 * True if a terminal migration's stack still runs under a lease, without restart policies. Another migration of the
 * stack must not begin: the pending command would start the stack after the next migration has stopped it.
 */
export const owesArming = (saga: Saga): boolean => owes(saga, 'arm_target') || owes(saga, 'arm_source');

/** A repeat retries what remained; it changes nothing if a purge is running or done. */
export function beginPurge(draft: TransitionDraft, side: 'source' | 'target'): boolean {
  const { saga } = draft;
  const { window } = saga;
  const kind = side === 'source' ? 'purge_source' : 'purge_target';
  const before = purgeOf(window, side);
  if (!window || purgeRefusal(saga, side)) return false;
  if (isPurged(window, side) || owes(saga, kind)) return false;
  const purge: Purge = { requested_at: before?.requested_at ?? draft.now, done_at: null, remaining: [], left_out: [] };
  if (side === 'source') window.source_purge = purge;
  else window.target_purge = purge;
  send(draft, kind);
  if (side === 'source') endForwarding(draft, 'its copy of the stack is deleted');
  recordEvent(draft, 'notice', { message: `deletion of what is kept on the ${side} has begun` });
  return true;
}

export function purgeEnded(
  draft: TransitionDraft,
  side: 'source' | 'target',
  { remaining, left_out = [] }: { remaining: Remaining[]; left_out?: string[] },
): void {
  const purge = purgeOf(draft.saga.window, side);
  if (!purge) return;
  purge.remaining = remaining;
  purge.left_out = left_out;
  if (remaining.length === 0) purge.done_at = draft.now;
  const but = left_out.length > 0 ? ', except what the migration left out' : '';
  const message =
    remaining.length === 0
      ? `what was kept on the ${side} is deleted${but}`
      : `some of what is kept on the ${side} remains`;
  const stays = left_out.slice(0, limits.control.namesToldMax).map((path) => shortened(path, toldCharsMax));
  recordEvent(draft, 'notice', { message, remaining: toldOf(remaining), ...(but === '' ? {} : { left_out: stays }) });
}

/** Kept short, because each try records it again. */
export const toldOf = (remaining: Remaining[]): Remaining[] =>
  remaining
    .slice(0, limits.control.namesToldMax)
    .map(({ what, why }) => ({ what: shortened(what, toldCharsMax), why: shortened(why, toldCharsMax) }));

const { toldCharsMax } = limits.control;

/** Once per migration, after its window, while the source's copy still exists. */
export function remind(draft: TransitionDraft, per_minute: number | null): boolean {
  const { status, window, forwarding } = draft.saga;
  if (status !== 'completed' || !window || window.reminded_at !== null) return false;
  if (draft.now < window.ends_at || isPurged(window, 'source')) return false;
  window.reminded_at = draft.now;
  const ends = endForwarding(draft, 'the safety window has ended');
  if (ends && forwarding) forwarding.last_per_minute = per_minute;
  const clients = ends && per_minute !== null ? ` ${comingSays(per_minute)}` : '';
  recordEvent(draft, 'cleanup_due', {
    message: `The safety window has closed. The source still keeps its copy: delete it when you no longer need it.${clients}`,
    hours: Math.round((window.ends_at - window.completed_at) / 36_000) / 100,
    ...(clients === '' ? {} : { per_minute }),
  });
  return true;
}

/** F45: a person or a boot unit started the kept copy. Reported once each time it happens. */
export function seeCopy(draft: TransitionDraft, running: boolean): boolean {
  const { status, window } = draft.saga;
  if (!window || window.copy_running === running) return false;
  window.copy_running = running;
  window.copy_ran ||= running;
  const side = status === 'completed' ? 'source' : 'target';
  if (running)
    recordEvent(draft, 'failure', {
      code: 'stack_running',
      message: `The copy that is kept on the ${side} runs, beside the stack in its home. Stackferry did not start it: stop it there.`,
    });
  else recordEvent(draft, 'notice', { message: `the copy that is kept on the ${side} is stopped again` });
  return true;
}

/** Parses SAFETY_WINDOW_HOURS. Throws if it is not a valid number of hours. */
export function windowMsOf(hours: string | undefined): number {
  const { safetyWindowHoursDefault, safetyWindowHoursMax } = limits.window;
  const value = hours === undefined || hours === '' ? safetyWindowHoursDefault : Number(hours);
  if (Number.isFinite(value) && value >= 0 && value <= safetyWindowHoursMax) return Math.round(value * 3_600_000);
  throw new Error(`SAFETY_WINDOW_HOURS is "${hours}"; it must be a number of hours up to ${safetyWindowHoursMax}`);
}
