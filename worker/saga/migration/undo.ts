import type { Failure } from '../../../schema/agent-protocol.ts';
import type { CommandKind } from '../../../schema/commands.ts';
import { limits } from '../../../schema/limits.ts';
import type { Step } from '../../../schema/migration-status.ts';
import type { RollbackPhase, Saga, SagaFailure, Undo } from '../../../schema/saga.ts';
import { needAttention, unreachable } from './attention-report.ts';
import type { SagaEvent } from './events.ts';
import { oweRelease } from './forwarding.ts';
import { close, recordResult } from './results.ts';
import { backToCompleted, oweCleanup } from './terminal.ts';
import { forgetAwaited, nextTryAt, recordEvent, send, type TransitionDraft } from './transition.ts';

/**
 * The undo of a failed migration or of a failed rollback. Each part is skipped if its condition does not hold.
 *
 *   from        stop                                 restore                              then
 *   migration   stop_target, if `deploy` was sent    restore_source, if `stop_stack` was  failed | cancelled
 *   rollback    stop_source, if `revive_source` was  resume_target, if `halt_target` was  completed, as before
 *                                                    arm_target, if it had no restart policies yet
 *
 * Stopped means: the host confirmed it, or it never answered and its last lease ran out, plus a margin. A failed command is
 * retried; after `triesMax` the migration needs attention and keeps retrying. The epoch rises first, so that the agents
 * abort the commands still running and late ones are refused.
 */
function kindOf({ rollback }: Saga, { from, phase }: Undo): CommandKind {
  if (from === 'migration') return phase === 'stop' ? 'stop_target' : 'restore_source';
  if (phase === 'stop') return 'stop_source';
  return rollback?.unarmed ? 'arm_target' : 'resume_target';
}

export function beginUndo(draft: TransitionDraft, step: Step, failure: Failure): void {
  if (step === 'preflight') {
    endWithoutUndo(draft, step, failure);
    return;
  }
  recordFailure(draft, { ...failure, step });
  draft.saga.status = 'reverting';
  turnBack(draft, 'migration');
}

/** Nothing was changed yet, so there is nothing to undo. */
export function endWithoutUndo(draft: TransitionDraft, step: Step, failure: Failure): void {
  recordFailure(draft, { ...failure, step });
  endMigration(draft);
}

export function beginRollbackUndo(draft: TransitionDraft, phase: RollbackPhase, failure: Failure): void {
  const { rollback } = draft.saga;
  if (rollback) rollback.failure = { ...failure, phase };
  recordEvent(draft, 'failure', { phase, code: failure.code, message: failure.message });
  turnBack(draft, 'rollback');
}

function turnBack(draft: TransitionDraft, from: Undo['from']): void {
  const { saga } = draft;
  forgetAwaited(draft);
  saga.epoch += 1;
  saga.retry = [];
  if (mayRun(saga, from)) enter(draft, { from, phase: 'stop', tries: 0, stop_refused: false });
  else restore(draft, from);
}

/** True if the copy to be stopped may have been started. */
function mayRun({ steps, rollback }: Saga, from: Undo['from']): boolean {
  if (from === 'migration') return steps.deploying !== undefined;
  return rollback?.phase === 'reviving' || rollback?.phase === 'proving';
}

/** True if the copy to be restored may have been stopped. */
function mayBeStopped({ steps, rollback }: Saga, from: Undo['from']): boolean {
  if (from === 'migration') return steps.stopping !== undefined;
  return rollback?.phase !== 'checking' || rollback.unarmed;
}

/** Invariant 1: reached only if the other copy never started, was confirmed stopped, or its lease is over. */
function restore(draft: TransitionDraft, from: Undo['from']): void {
  if (mayBeStopped(draft.saga, from)) enter(draft, { from, phase: 'restore', tries: 0, stop_refused: false });
  else finish(draft, from);
}

function enter(draft: TransitionDraft, undo: Undo): void {
  draft.saga.undo = undo;
  resend(draft, undo);
}

/** No lease is granted after the epoch has risen, so an existing one can only run out. */
function resend(draft: TransitionDraft, undo: Undo): void {
  forgetAwaited(draft);
  draft.saga.retry = [];
  send(draft, kindOf(draft.saga, undo));
  draft.saga.deadline_at =
    draft.now + (undo.phase === 'stop' ? limits.lease.leaseMs + limits.lease.marginMs : limits.step.restoringMsMax);
}

export function undo(draft: TransitionDraft, event: SagaEvent): boolean {
  const { saga } = draft;
  const current = undoOf(draft);
  switch (event.type) {
    case 'command_done':
      if (recordResult(draft, event) === false) return false;
      goOn(draft, current);
      return true;
    case 'command_failed':
      return retryLater(draft, current, event.command_id, event.failure);
    case 'agent_lost': {
      const awaited = saga.awaiting.some(({ host }) => host === event.host);
      if (!awaited || current.phase === 'stop' || saga.status === 'needs_attention') return false;
      needAttention(draft, unreachable(saga, event.host));
      return true;
    }
    case 'overdue':
      onDeadline(draft, current, event.leased_until ?? null);
      return true;
    case 'retry':
      return onRetry(draft, current, event.stopped);
    case 'cancel':
    case 'cutover':
    case 'resolve':
    case 'preflight_passed':
    case 'preflight_refused':
    case 'rollback':
    case 'purge':
    case 'end_forwarding':
    case 'moved':
    case 'remind':
    case 'copy_seen':
    case 'restored':
    case 'host_deleted':
      return false;
  }
}

function goOn(draft: TransitionDraft, { from, phase }: Undo): void {
  if (phase === 'stop') restore(draft, from);
  else finish(draft, from);
}

function onDeadline(draft: TransitionDraft, undo: Undo, leasedUntil: number | null): void {
  const { saga } = draft;
  if (saga.retry.length > 0) {
    resend(draft, undo);
    return;
  }
  if (undo.phase === 'stop' && !undo.stop_refused) {
    if (waitsForLease(draft, leasedUntil)) return;
    recordEvent(draft, 'notice', {
      message: 'the host did not answer; its lease has run out, so it has stopped by itself',
    });
    restore(draft, undo.from);
    return;
  }
  saga.deadline_at = null;
  if (saga.status !== 'needs_attention') needAttention(draft, 'The host did not report in time that it is done.');
}

/** Extends the deadline for a lease that was granted while the undo was being committed. */
export function waitsForLease(draft: TransitionDraft, leasedUntil: number | null): boolean {
  const over = leasedUntil === null ? 0 : leasedUntil + limits.lease.marginMs;
  if (draft.now >= over) return false;
  draft.saga.deadline_at = over;
  return true;
}

/**
 * The operator confirmed that the copy is stopped for good. Its last lease is still waited for; a restored record may
 * not know that lease, so the longest possible one is assumed.
 */
export function trustTheLease(draft: TransitionDraft): void {
  const { saga } = draft;
  const undo = undoOf(draft);
  saga.status = goingBack(undo);
  saga.attention = null;
  undo.stop_refused = false;
  forgetAwaited(draft);
  saga.retry = [];
  saga.deadline_at = draft.now + (saga.restorations > 0 ? limits.lease.leaseMs + limits.lease.marginMs : 0);
}

const goingBack = ({ from }: Undo) => (from === 'migration' ? 'reverting' : 'rolling_back');

function retryLater(draft: TransitionDraft, undo: Undo, command_id: string, failure: Failure): boolean {
  const { saga } = draft;
  const awaited = saga.awaiting.find(({ id }) => id === command_id);
  if (!awaited) return false;
  close(draft, command_id);
  saga.retry.push(awaited.kind);
  undo.tries += 1;
  if (undo.phase === 'stop') undo.stop_refused = true;
  recordEvent(draft, 'notice', {
    message: `${awaited.kind} failed and is retried`,
    code: failure.code,
    why: failure.message,
  });
  if (undo.tries >= limits.undo.triesMax && saga.status !== 'needs_attention') needAttention(draft, failure.message);
  const patient = saga.status === 'needs_attention';
  saga.deadline_at = patient ? nextTryAt(draft) : draft.now + limits.undo.retryMs;
  return true;
}

/** Retries at once with a full set of tries, after an operator fixed the cause. */
function onRetry(draft: TransitionDraft, undo: Undo, stopped: boolean): boolean {
  const { saga } = draft;
  if (saga.status !== 'needs_attention') return false;
  saga.status = goingBack(undo);
  saga.attention = null;
  recordEvent(draft, 'notice', { message: 'retried on request', stopped });
  undo.tries = 0;
  if (stopped && undo.phase === 'stop') restore(draft, undo.from);
  else resend(draft, undo);
  return true;
}

function finish(draft: TransitionDraft, from: Undo['from']): void {
  const { saga } = draft;
  saga.undo = null;
  saga.attention = null;
  saga.retry = [];
  if (from === 'rollback') {
    backToCompleted(draft);
    return;
  }
  oweRelease(draft);
  oweCleanup(draft);
  endMigration(draft);
}

function endMigration(draft: TransitionDraft): void {
  draft.saga.status = draft.saga.cancel_requested ? 'cancelled' : 'failed';
  draft.saga.deadline_at = null;
}

function recordFailure(draft: TransitionDraft, failure: SagaFailure): void {
  draft.saga.failure = failure;
  const clock = draft.saga.steps[failure.step];
  if (clock) clock.ended_at = draft.now;
  recordEvent(draft, 'failure', { step: failure.step, code: failure.code, message: failure.message });
}

function undoOf(draft: TransitionDraft): Undo {
  const { undo } = draft.saga;
  if (!undo) throw new Error(`migration ${draft.saga.id} is going back without a phase`);
  return undo;
}
