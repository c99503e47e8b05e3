import type { CommandKind } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { type Rollback, type RollbackPhase, rollbackPhases } from '../../schema/saga.ts';
import { lost, type SagaEvent } from './advance.ts';
import { settle } from './answers.ts';
import { rollbackRefusal } from './safety-window.ts';
import { forgetAwaited, say, send, type Turn } from './turn.ts';
import { beginRollbackUndo } from './undo.ts';

/**
 * The way home from a completed migration, while its safety window is open.
 *
 *   phase         command            then
 *   checking      check_retained     what the source kept is whole; nothing was touched yet
 *   halting       halt_target        recorded, disarmed, stopped
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
  const { saga, now } = turn;
  if (rollbackRefusal(saga, now)) return false;
  forgetAwaited(turn);
  saga.retry = [];
  saga.epoch += 1;
  saga.status = 'rolling_back';
  saga.rollback = { phase: 'checking', requested_at: now, ended_at: null, failure: null };
  enter(turn, saga.rollback, 'checking');
  return true;
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
      beginRollbackUndo(turn, rollback.phase, event.failure);
      return true;
    case 'agent_lost':
      if (!saga.awaiting.some(({ host }) => host === event.host)) return false;
      beginRollbackUndo(turn, rollback.phase, lost(saga, event.host));
      return true;
    case 'overdue':
      beginRollbackUndo(turn, rollback.phase, {
        code: 'command_timeout',
        message: `The rollback's phase "${rollback.phase}" took longer than its limit.`,
        log_tail: [],
      });
      return true;
    case 'preflight_passed':
    case 'preflight_refused':
    case 'cancel':
    case 'retry':
    case 'rollback':
    case 'purge':
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
  rollback.ended_at = turn.now;
  turn.saga.status = 'rolled_back';
  turn.saga.deadline_at = null;
  send(turn, 'arm_source');
}

function enter(turn: Turn, rollback: Rollback, phase: RollbackPhase): void {
  const { kind, msMax } = phases[phase];
  rollback.phase = phase;
  send(turn, kind);
  const healthMs = phase === 'proving' ? turn.saga.health_timeout_s * 1000 : 0;
  turn.saga.deadline_at = turn.now + msMax + healthMs;
  say(turn, 'notice', { message: `rollback: ${phase}` });
}
