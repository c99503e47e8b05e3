import type { CommandKind, Failure } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Step } from '../../schema/migration-status.ts';
import type { RollbackPhase, Saga, SagaFailure, Undo } from '../../schema/saga.ts';
import type { SagaEvent } from './advance.ts';
import { close, settle } from './answers.ts';
import { needAttention } from './attention.ts';
import { backToCompleted, oweCleanup } from './owed.ts';
import { forgetAwaited, nextTryAt, say, send, type Turn } from './turn.ts';

/**
 * The way back: of a migration that failed, and of a rollback that failed. Each part is skipped where its cause never
 * happened.
 *
 *   from        stop                                 restore                              then
 *   migration   stop_target, if `deploy` was sent    restore_source, if `stop_stack` was  failed | cancelled
 *   rollback    stop_source, if `revive_source` was  resume_target, if `halt_target` was  completed, as before
 *                                                    arm_target, where it was not armed
 *
 * Stopped means: the host said so, or it never answered and the last lease it was granted ran out with a margin. What a host answers with a
 * failure is tried again; after `triesMax` the migration needs attention and goes on trying. The epoch rises first, so
 * that whatever still runs of the way out is aborted by the agents and refused if it is late.
 */
function kindOf({ rollback }: Saga, { from, phase }: Undo): CommandKind {
  if (from === 'migration') return phase === 'stop' ? 'stop_target' : 'restore_source';
  if (phase === 'stop') return 'stop_source';
  return rollback?.unarmed ? 'arm_target' : 'resume_target';
}

export function beginUndo(turn: Turn, step: Step, failure: Failure): void {
  if (step === 'preflight') {
    endWithoutUndo(turn, step, failure);
    return;
  }
  recordFailure(turn, { ...failure, step });
  turn.saga.status = 'reverting';
  turnBack(turn, 'migration');
}

/** Nothing was touched yet, so there is nothing to undo. */
export function endWithoutUndo(turn: Turn, step: Step, failure: Failure): void {
  recordFailure(turn, { ...failure, step });
  endMigration(turn);
}

export function beginRollbackUndo(turn: Turn, phase: RollbackPhase, failure: Failure): void {
  const { rollback } = turn.saga;
  if (rollback) rollback.failure = { ...failure, phase };
  say(turn, 'failure', { phase, code: failure.code, message: failure.message });
  turnBack(turn, 'rollback');
}

function turnBack(turn: Turn, from: Undo['from']): void {
  const { saga } = turn;
  forgetAwaited(turn);
  saga.epoch += 1;
  saga.retry = [];
  if (mayRun(saga, from)) enter(turn, { from, phase: 'stop', tries: 0, stop_refused: false });
  else restore(turn, from);
}

/** Whether the copy that has to be stopped may have been started. */
function mayRun({ steps, rollback }: Saga, from: Undo['from']): boolean {
  if (from === 'migration') return steps.deploying !== undefined;
  return rollback?.phase === 'reviving' || rollback?.phase === 'proving';
}

/** Whether the copy that has to be put back may have been stopped. */
function mayBeStopped({ steps, rollback }: Saga, from: Undo['from']): boolean {
  if (from === 'migration') return steps.stopping !== undefined;
  return rollback?.phase !== 'checking' || rollback.unarmed;
}

/** Invariant 1: reached only when the other copy never started, said that it stopped, or its lease is over. */
function restore(turn: Turn, from: Undo['from']): void {
  if (mayBeStopped(turn.saga, from)) enter(turn, { from, phase: 'restore', tries: 0, stop_refused: false });
  else finish(turn, from);
}

function enter(turn: Turn, undo: Undo): void {
  turn.saga.undo = undo;
  sendAnew(turn, undo);
}

/** No lease is granted once the epoch has risen, so from then on it can only run out. */
function sendAnew(turn: Turn, undo: Undo): void {
  forgetAwaited(turn);
  turn.saga.retry = [];
  send(turn, kindOf(turn.saga, undo));
  turn.saga.deadline_at =
    turn.now + (undo.phase === 'stop' ? limits.lease.leaseMs + limits.lease.marginMs : limits.step.restoringMsMax);
}

export function undo(turn: Turn, event: SagaEvent): boolean {
  const { saga } = turn;
  const current = undoOf(turn);
  switch (event.type) {
    case 'command_done':
      if (settle(turn, event) === false) return false;
      goOn(turn, current);
      return true;
    case 'command_failed':
      return retryLater(turn, current, event.command_id, event.failure);
    case 'agent_lost': {
      const awaited = saga.awaiting.some(({ host }) => host === event.host);
      if (!awaited || current.phase === 'stop' || saga.status === 'needs_attention') return false;
      needAttention(turn, 'Its host is out of contact, so nobody can tell whether the stack runs there.');
      return true;
    }
    case 'overdue':
      onDeadline(turn, current, event.leased_until ?? null);
      return true;
    case 'retry':
      return onRetry(turn, current, event.stopped);
    case 'cancel':
    case 'resolve':
    case 'preflight_passed':
    case 'preflight_refused':
    case 'rollback':
    case 'purge':
    case 'moved':
    case 'remind':
    case 'copy_seen':
    case 'host_deleted':
      return false;
  }
}

function goOn(turn: Turn, { from, phase }: Undo): void {
  if (phase === 'stop') restore(turn, from);
  else finish(turn, from);
}

function onDeadline(turn: Turn, undo: Undo, leasedUntil: number | null): void {
  const { saga } = turn;
  if (saga.retry.length > 0) {
    sendAnew(turn, undo);
    return;
  }
  if (undo.phase === 'stop' && !undo.stop_refused) {
    if (waitsForLease(turn, leasedUntil)) return;
    say(turn, 'notice', { message: 'the host did not answer; its lease has run out, so it has stopped by itself' });
    restore(turn, undo.from);
    return;
  }
  saga.deadline_at = null;
  if (saga.status !== 'needs_attention') needAttention(turn, 'The host did not say in time that it is done.');
}

/** One was granted after the way back was decided, while that was still being written. */
export function waitsForLease(turn: Turn, leasedUntil: number | null): boolean {
  const over = leasedUntil === null ? 0 : leasedUntil + limits.lease.marginMs;
  if (turn.now >= over) return false;
  turn.saga.deadline_at = over;
  return true;
}

/** A person vouched that what could not be stopped is stopped for good. The last lease is waited for all the same. */
export function trustTheLease(turn: Turn): void {
  const { saga } = turn;
  const undo = undoOf(turn);
  saga.status = goingBack(undo);
  saga.attention = null;
  undo.stop_refused = false;
  forgetAwaited(turn);
  saga.retry = [];
  saga.deadline_at = turn.now;
}

const goingBack = ({ from }: Undo) => (from === 'migration' ? 'reverting' : 'rolling_back');

function retryLater(turn: Turn, undo: Undo, command_id: string, failure: Failure): boolean {
  const { saga } = turn;
  const awaited = saga.awaiting.find(({ id }) => id === command_id);
  if (!awaited) return false;
  close(turn, command_id);
  saga.retry.push(awaited.kind);
  undo.tries += 1;
  if (undo.phase === 'stop') undo.stop_refused = true;
  say(turn, 'notice', {
    message: `${awaited.kind} failed and is tried again`,
    code: failure.code,
    why: failure.message,
  });
  if (undo.tries >= limits.undo.triesMax && saga.status !== 'needs_attention') needAttention(turn, failure.message);
  const patient = saga.status === 'needs_attention';
  saga.deadline_at = patient ? nextTryAt(turn) : turn.now + limits.undo.retryMs;
  return true;
}

/** The operator mended something: at once, and with all its tries. */
function onRetry(turn: Turn, undo: Undo, stopped: boolean): boolean {
  const { saga } = turn;
  if (saga.status !== 'needs_attention') return false;
  saga.status = goingBack(undo);
  saga.attention = null;
  say(turn, 'notice', { message: 'tried again on request', stopped });
  undo.tries = 0;
  if (stopped && undo.phase === 'stop') restore(turn, undo.from);
  else sendAnew(turn, undo);
  return true;
}

function finish(turn: Turn, from: Undo['from']): void {
  const { saga } = turn;
  saga.undo = null;
  saga.attention = null;
  saga.retry = [];
  if (from === 'rollback') {
    backToCompleted(turn);
    return;
  }
  oweCleanup(turn);
  endMigration(turn);
}

function endMigration(turn: Turn): void {
  turn.saga.status = turn.saga.cancel_requested ? 'cancelled' : 'failed';
  turn.saga.deadline_at = null;
}

function recordFailure(turn: Turn, failure: SagaFailure): void {
  turn.saga.failure = failure;
  const clock = turn.saga.steps[failure.step];
  if (clock) clock.ended_at = turn.now;
  say(turn, 'failure', { step: failure.step, code: failure.code, message: failure.message });
}

function undoOf(turn: Turn): Undo {
  const { undo } = turn.saga;
  if (!undo) throw new Error(`migration ${turn.saga.id} is going back without a phase`);
  return undo;
}
