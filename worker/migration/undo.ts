import type { CommandKind, Failure } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Step } from '../../schema/migration-status.ts';
import type { SagaFailure, Undo } from '../../schema/saga.ts';
import type { SagaEvent } from './advance.ts';
import { close, settle } from './answers.ts';
import { oweCleanup } from './owed.ts';
import { forgetAwaited, say, send, type Turn } from './turn.ts';

/**
 * The way back, each part skipped where its cause never happened.
 *
 *   stop_target     if `deploy` was sent: the target said that it stopped, or its lease ran out with a margin
 *   restore_source  if `stop_stack` was sent: the recorded containers are seen running, policies restored
 *   failed | cancelled, and `cleanup_target` owed
 *
 * What a host answers with a failure is tried again; after `triesMax` the migration needs attention and goes on trying.
 * The epoch rises first, so that whatever still runs of the way out is aborted by the agents and refused if it is late.
 */
export function beginUndo(turn: Turn, step: Step, failure: Failure): void {
  const { saga } = turn;
  if (step === 'preflight') {
    endWithoutUndo(turn, step, failure);
    return;
  }
  recordFailure(turn, { ...failure, step });
  forgetAwaited(turn);
  saga.epoch += 1;
  saga.status = 'reverting';
  if (saga.steps.deploying) stopTarget(turn);
  else restoreSource(turn);
}

/** Nothing was touched yet, so there is nothing to undo. */
export function endWithoutUndo(turn: Turn, step: Step, failure: Failure): void {
  recordFailure(turn, { ...failure, step });
  end(turn);
}

export function undo(turn: Turn, event: SagaEvent): boolean {
  const { saga } = turn;
  switch (event.type) {
    case 'command_done': {
      const kind = settle(turn, event);
      if (kind === 'stop_target') restoreSource(turn);
      else if (kind === 'restore_source') finish(turn);
      return kind !== false;
    }
    case 'command_failed':
      return retryLater(turn, event.command_id, event.failure);
    case 'agent_lost': {
      const cutOff = awaits(turn, 'restore_source') && event.host === saga.source;
      if (!cutOff || saga.status === 'needs_attention') return false;
      needAttention(turn, 'The source host is out of contact, so nobody can tell whether the stack runs there.');
      return true;
    }
    case 'overdue':
      return onDeadline(turn);
    case 'cancel':
    case 'preflight_passed':
    case 'preflight_refused':
      return false;
  }
}

function onDeadline(turn: Turn): boolean {
  const { saga } = turn;
  if (saga.retry.length > 0) {
    for (const kind of saga.retry) send(turn, kind);
    saga.retry = [];
    saga.deadline_at = turn.now + deadlineOf(phaseOf(turn).phase);
    return true;
  }
  if (phaseOf(turn).phase === 'stop_target' && phaseOf(turn).failures === 0) {
    say(turn, 'notice', { message: 'the target did not answer; its lease has run out, so it has stopped by itself' });
    forgetAwaited(turn);
    restoreSource(turn);
    return true;
  }
  if (saga.status === 'needs_attention') {
    saga.deadline_at = null;
    return true;
  }
  needAttention(
    turn,
    phaseOf(turn).phase === 'stop_target'
      ? 'The target could not say that it stopped the stack, so the source stays down: two copies must never run.'
      : 'The source did not say that the stack runs again.',
  );
  return true;
}

function stopTarget(turn: Turn): void {
  turn.saga.undo = { phase: 'stop_target', failures: 0 };
  send(turn, 'stop_target');
  turn.saga.deadline_at = turn.now + deadlineOf('stop_target');
}

/** Invariant 1: reached only when the target never started, said that it stopped, or its lease is over. */
function restoreSource(turn: Turn): void {
  turn.saga.retry = [];
  if (!turn.saga.steps.stopping) {
    finish(turn);
    return;
  }
  turn.saga.undo = { phase: 'restore_source', failures: 0 };
  send(turn, 'restore_source');
  turn.saga.deadline_at = turn.now + deadlineOf('restore_source');
}

/** No lease is granted once the epoch has risen, so from then on it can only run out. */
function deadlineOf(phase: Undo['phase']): number {
  return phase === 'stop_target' ? limits.lease.leaseMs + limits.lease.marginMs : limits.step.restoringMsMax;
}

function retryLater(turn: Turn, command_id: string, failure: Failure): boolean {
  const { saga } = turn;
  const awaited = saga.awaiting.find(({ id }) => id === command_id);
  if (!awaited) return false;
  close(turn, command_id);
  saga.retry.push(awaited.kind);
  phaseOf(turn).failures += 1;
  say(turn, 'notice', {
    message: `${awaited.kind} failed and is tried again`,
    code: failure.code,
    why: failure.message,
  });
  if (phaseOf(turn).failures >= limits.undo.triesMax && saga.status === 'reverting')
    needAttention(turn, failure.message);
  saga.deadline_at = turn.now + (saga.status === 'reverting' ? limits.undo.retryMs : limits.control.attentionRetryMs);
  return true;
}

function needAttention(turn: Turn, why: string): void {
  turn.saga.status = 'needs_attention';
  turn.saga.deadline_at = null;
  say(turn, 'failure', { message: why, attention: true });
}

function finish(turn: Turn): void {
  oweCleanup(turn);
  end(turn);
}

function end(turn: Turn): void {
  const { saga } = turn;
  saga.undo = null;
  saga.status = saga.cancel_requested ? 'cancelled' : 'failed';
  if (saga.awaiting.length === 0) saga.deadline_at = null;
}

function recordFailure(turn: Turn, failure: SagaFailure): void {
  turn.saga.failure = failure;
  const clock = turn.saga.steps[failure.step];
  if (clock) clock.ended_at = turn.now;
  say(turn, 'failure', { step: failure.step, code: failure.code, message: failure.message });
}

function phaseOf(turn: Turn): Undo {
  const { undo } = turn.saga;
  if (!undo) throw new Error(`migration ${turn.saga.id} is going back without a phase`);
  return undo;
}

function awaits(turn: Turn, kind: CommandKind): boolean {
  return turn.saga.awaiting.some((awaited) => awaited.kind === kind);
}
