import type { Failure } from '../../../schema/agent-protocol.ts';
import type { SeenContainer } from '../../../schema/commands/parts.ts';
import { limits } from '../../../schema/limits.ts';
import { isStep } from '../../../schema/migration-status.ts';
import type { Held, Saga } from '../../../schema/saga.ts';
import { enterStep, nextStep } from './enter-step.ts';
import type { SagaEvent } from './events.ts';
import { isRemembered, judgeRound } from './proof.ts';
import type { Refusal } from './refusal.ts';
import { lost, recordResult } from './results.ts';
import { stackChanges } from './stack-changes.ts';
import { firstRound } from './step-commands.ts';
import { dropRound, issueRound, recordEvent, type TransitionDraft } from './transition.ts';
import { beginUndo } from './undo.ts';

/**
 * `holding`: everything is copied, the stack runs on the source, and rounds of passes keep the copy near to it.
 *
 *   event                            then
 *   the round arrived                the next one after a pause; `stopping` if a cutover waits for it
 *   the pause is over                a round
 *   `cutover`, or its time has come  a last round, so that an agent that restarted copies again before the stop
 *   a round failed, a host is lost   another round; after some time of that the migration ends, with nothing to put back
 *   the stack has changed            said, and not cut over: the pre-flight judged another stack
 *
 * Returns null for what is handled as in every step.
 */
export function whileHolding(draft: TransitionDraft, event: SagaEvent): boolean | null {
  const { saga } = draft;
  switch (event.type) {
    case 'command_done':
      if (!recordResult(draft, event)) return false;
      if (saga.awaiting.length === 0) roundArrived(draft);
      return true;
    case 'command_failed':
      if (!saga.awaiting.some(({ id }) => id === event.command_id)) return false;
      if (event.failure.code === 'stack_not_found') stackGone(draft);
      else roundFailed(draft, event.failure);
      return true;
    case 'agent_lost':
      if (!saga.awaiting.some(({ host }) => host === event.host)) return false;
      roundFailed(draft, lost(saga, event.host));
      return true;
    case 'overdue':
      if (saga.awaiting.length > 0) roundFailed(draft, tooLong);
      else beginRound(draft);
      return true;
    case 'moved':
      // In a pause the deadline is the next round's beginning.
      return saga.awaiting.length > 0 ? null : false;
    case 'cutover':
      return cutOver(draft, event.at);
    default:
      return null;
  }
}

/** Returns null if what was asked for is so: a cutover at once, or `at` that time. */
export function cutoverRefusal({ status, held, cancel_requested, telling }: Saga, at: number | null): Refusal | null {
  const isBegun = held?.cutting_over && !cancel_requested && (isStep(status) || status === 'completed');
  if (at === null ? isBegun : status === 'holding' && held?.cut_over_at === at) return null;
  if (!held) return { code: 'not_holding', message: 'The migration does not hold: it was started without "hold".' };
  if (status !== 'holding')
    return {
      code: 'not_holding',
      message:
        status === 'preflight' || status === 'preparing'
          ? 'It is still copying; it can be cut over once it is "holding".'
          : `It is "${status}", and no longer holds.`,
    };
  if (held.changes.length > 0)
    return { code: 'stack_changed', message: `${changedSince} ${held.changes.join('; ')}. ${startAgain}` };
  const why = telling
    ? 'Its hosts are being asked what they have, since the database was restored.'
    : 'It has just changed.';
  return { code: 'not_holding', message: `${why} Try again.` };
}

const changedSince = 'The stack is not what it was when the migration began:';
const startAgain = 'Put that right, or cancel the migration and start it again.';
const tooLong: Failure = { code: 'command_timeout', message: 'A pass took longer than its limit.', log_tail: [] };

function cutOver(draft: TransitionDraft, at: number | null): boolean {
  const { saga, now } = draft;
  const held = heldOf(saga);
  if (held.changes.length > 0) return false;
  if (at === null) {
    if (held.cutting_over) return false;
    held.cutting_over = true;
    recordEvent(draft, 'notice', { message: 'cut over on request' });
    if (saga.awaiting.length === 0) beginRound(draft);
    return true;
  }
  if (held.cut_over_at === at) return false;
  Object.assign(held, { cut_over_at: at, cutting_over: false });
  recordEvent(draft, 'notice', { message: 'is to be cut over', at: new Date(at).toISOString() });
  if (saga.awaiting.length === 0) saga.deadline_at = Math.max(now, Math.min(saga.deadline_at ?? at, at));
  return true;
}

function beginRound(draft: TransitionDraft): void {
  issueRound(draft, 'holding', firstRound(draft, 'holding'));
}

function roundArrived(draft: TransitionDraft): void {
  const { saga, now } = draft;
  const failure = judgeRound(saga);
  if (failure) {
    roundFailed(draft, failure);
    return;
  }
  const held = heldOf(saga);
  const { passages = [], ms = 0 } = saga.results.pass_source ?? {};
  Object.assign(held, { tries: 0, failing_since: null });
  held.last = { ended_at: now, bytes: passages.reduce((sum, passage) => sum + passage.bytes, 0), ms };
  if (isTooLate(draft, held)) callOff(draft, held, 'not cut over: its time has passed by more than half an hour', []);
  if (isDue(draft, held)) held.cutting_over = true;
  noteChanges(draft, held, saga.results.pass_source?.containers ?? []);
  if (!held.cutting_over) pause(draft, held, held.last.bytes < limits.warm.smallBytes);
  else if (isRemembered(saga)) enterStep(draft, nextStep(saga, 'holding'));
  else beginRound(draft);
}

/** Says once what has become different, and once that it is as before. What has changed is not cut over. */
function noteChanges(draft: TransitionDraft, held: Held, now: SeenContainer[]): void {
  const changes = stackChanges(draft.saga.results.prepare_source?.containers ?? [], now);
  if (changes.length > 0) {
    const wasWanted = held.cutting_over || held.cut_over_at !== null;
    if (wasWanted) callOff(draft, held, 'not cut over: the stack has changed', changes);
  }
  if (JSON.stringify(changes) === JSON.stringify(held.changes)) return;
  held.changes = changes;
  recordEvent(
    draft,
    'notice',
    changes.length > 0
      ? { message: 'the stack has changed since the pre-flight, and is not cut over as it is', changes }
      : { message: 'the stack is again as it was at the pre-flight' },
  );
}

const isDue = ({ now }: TransitionDraft, { cut_over_at }: Held) => cut_over_at !== null && cut_over_at <= now;

const isTooLate = ({ now }: TransitionDraft, { cut_over_at, cutting_over }: Held) =>
  !cutting_over && cut_over_at !== null && now - cut_over_at > limits.hold.lateMsMax;

function callOff(draft: TransitionDraft, held: Held, message: string, changes: string[]): void {
  Object.assign(held, { cutting_over: false, cut_over_at: null });
  recordEvent(draft, 'notice', { message, called_off: true, changes });
}

/** There is nothing to pass over until somebody brings it up again, which is no fault of the migration. */
function stackGone(draft: TransitionDraft): void {
  const held = heldOf(draft.saga);
  dropRound(draft);
  noteChanges(draft, held, []);
  pause(draft, held, false);
}

function roundFailed(draft: TransitionDraft, failure: Failure): void {
  const { saga, now } = draft;
  const held = heldOf(saga);
  held.tries += 1;
  held.failing_since ??= now;
  const { triesMin, failingMsMax, retryMs, passMsMin } = limits.hold;
  if (held.tries >= triesMin && now - held.failing_since >= failingMsMax) {
    beginUndo(draft, 'holding', failure);
    return;
  }
  recordEvent(draft, 'notice', { message: 'a pass failed and is repeated', code: failure.code, why: failure.message });
  dropRound(draft);
  if (held.cutting_over || isDue(draft, held))
    saga.deadline_at = now + Math.min(retryMs * 2 ** (held.tries - 1), passMsMin);
  else pause(draft, held, false);
}

/** Until the next round, or the time of a cutover. `quiet`: the last one carried little. */
function pause({ saga, now }: TransitionDraft, { cut_over_at }: Held, quiet: boolean): void {
  const { passMsMin, passMsMax } = limits.hold;
  const next = now + (quiet ? passMsMax : passMsMin);
  saga.deadline_at = Math.min(next, cut_over_at ?? next);
}

function heldOf({ id, held }: Saga): Held {
  if (!held) throw new Error(`migration ${id} holds without having been asked to`);
  return held;
}
