import type { CommandKind } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { type Rollback, type RollbackPhase, rollbackPhases } from '../../schema/saga.ts';
import { lost, type SagaEvent } from './advance.ts';
import { close, settle } from './answers.ts';
import { beginArming } from './arming.ts';
import { healthTimeoutOf } from './command-payloads.ts';
import { isLate, lateProof, mayProveAgain, provenUntil } from './lease-proof.ts';
import { rollbackRefusal } from './safety-window.ts';
import { forgetAwaited, say, send, type Turn } from './turn.ts';
import { beginRollbackUndo, waitsForLease } from './undo.ts';

/**
 * The way home from a completed migration, while its safety window is open.
 *
 *   phase         command            then
 *   checking      check_retained     what the source kept is whole; nothing was touched yet
 *   halting       halt_target        recorded, disarmed, stopped
 *     target lost: nothing           its last lease ran out with a margin
 *   reviving      revive_source      the recorded containers started, disarmed, under a lease
 *   proving       verify_source      healthy
 *   rolled_back   arm_source         owed until answered
 *
 * A failure, a lost agent or a deadline puts the target back: `undo.ts`. What the target's volumes hold stays there.
 */
const phases: { [P in RollbackPhase]: { kind: CommandKind; msMax: number } } = {
  checking: { kind: 'check_retained', msMax: limits.step.checkingRetainedMsMax },
  halting: { kind: 'halt_target', msMax: limits.step.stoppingMsMax },
  reviving: { kind: 'revive_source', msMax: limits.step.deployingMsMax },
  proving: { kind: 'verify_source', msMax: limits.health.answerMsMax },
};

/** False where it is refused: `rollbackRefusal` says why. */
export function beginRollback(turn: Turn): boolean {
  if (rollbackRefusal(turn.saga, turn.now)) return false;
  begin(turn, false);
  return true;
}

/** A person declared the target lost: the rollback does not ask it to stop. */
export function reviveSource(turn: Turn): void {
  begin(turn, true);
}

function begin(turn: Turn, target_lost: boolean): void {
  const { saga, now } = turn;
  const before = saga.undo ? saga.rollback : null;
  const unarmed = saga.arming !== null || before?.unarmed === true;
  forgetAwaited(turn);
  saga.epoch += 1;
  Object.assign(saga, { status: 'rolling_back', retry: [], undo: null, attention: null, arming: null, late_proofs: 0 });
  saga.rollback = { phase: 'checking', requested_at: now, ended_at: null, failure: null, unarmed, target_lost };
  enter(turn, saga.rollback, 'checking');
}

export function onRollback(turn: Turn, event: SagaEvent): boolean {
  const { saga } = turn;
  const { rollback } = saga;
  if (!rollback) throw new Error(`migration ${saga.id} is rolling back without a phase`);
  switch (event.type) {
    case 'command_done':
      if (settle(turn, event) === false) return false;
      goOn(turn, rollback);
      return true;
    case 'command_failed':
      if (!saga.awaiting.some(({ id }) => id === event.command_id)) return false;
      if (event.failure.code === 'lease_expired' && mayRevive(turn, rollback)) {
        close(turn, event.command_id);
        enter(turn, rollback, 'reviving');
      } else beginRollbackUndo(turn, rollback.phase, event.failure);
      return true;
    case 'agent_lost':
      if (!saga.awaiting.some(({ host }) => host === event.host)) return false;
      beginRollbackUndo(turn, rollback.phase, lost(saga, event.host));
      return true;
    case 'overdue':
      if (rollback.phase === 'halting' && rollback.target_lost) {
        if (!waitsForLease(turn, event.leased_until ?? null)) enter(turn, rollback, 'reviving');
        return true;
      }
      beginRollbackUndo(turn, rollback.phase, {
        code: 'command_timeout',
        message: `The rollback's phase "${rollback.phase}" took longer than its limit.`,
        log_tail: [],
      });
      return true;
    case 'preflight_passed':
    case 'preflight_refused':
    case 'cancel':
    case 'resolve':
    case 'retry':
    case 'rollback':
    case 'purge':
    case 'moved':
    case 'remind':
    case 'copy_seen':
    case 'host_deleted':
      return false;
  }
}

function goOn(turn: Turn, rollback: Rollback): void {
  const next = rollbackPhases[rollbackPhases.indexOf(rollback.phase) + 1];
  if (next) {
    enter(turn, rollback, next);
    return;
  }
  if (isLate(turn, 'verify_source')) {
    if (mayProveAgain(turn)) enter(turn, rollback, 'proving');
    else beginRollbackUndo(turn, 'proving', lateProof);
    return;
  }
  rollback.ended_at = turn.now;
  turn.commit_by = provenUntil(turn.saga, 'verify_source');
  beginArming(turn, 'rolled_back');
  // Should it come back after all.
  if (rollback.target_lost) send(turn, 'halt_target');
}

/** The lease ran out, so the source stopped what it had started: it is started and verified again. */
const mayRevive = (turn: Turn, { phase }: Rollback) =>
  (phase === 'reviving' || phase === 'proving') && mayProveAgain(turn);

function enter(turn: Turn, rollback: Rollback, phase: RollbackPhase): void {
  const { kind, msMax } = phases[phase];
  rollback.phase = phase;
  if (phase === 'halting' && rollback.target_lost) {
    turn.saga.deadline_at = turn.now + limits.lease.leaseMs + limits.lease.marginMs;
    return;
  }
  send(turn, kind);
  const healthMs = phase === 'proving' ? healthTimeoutOf(turn.saga) * 1000 : 0;
  turn.saga.deadline_at = turn.now + msMax + healthMs;
  say(turn, 'notice', { message: `rollback: ${phase}` });
}
