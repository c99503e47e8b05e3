import type { CommandKind } from '../../../schema/commands.ts';
import { limits } from '../../../schema/limits.ts';
import { type Rollback, type RollbackPhase, rollbackPhases, type Saga } from '../../../schema/saga.ts';
import { beginArming } from './arming.ts';
import { healthTimeoutOf, startWaitOf } from './command-payloads.ts';
import { oweSetBack } from './cutover-names.ts';
import type { CommandFailed, SagaEvent } from './events.ts';
import { holdConnections, oweRelease } from './forwarding.ts';
import { isLate, lateProof, mayProveAgain, provenUntil } from './lease-proof.ts';
import { close, lost, recordResult } from './results.ts';
import { rollbackRefusal } from './safety-window.ts';
import { forgetAwaited, recordEvent, send, type TransitionDraft } from './transition.ts';
import { beginRollbackUndo, waitsForLease } from './undo.ts';

/**
 * The rollback of a completed migration, while its safety window is open.
 *
 *   phase         command            then
 *   checking      check_retained     the source's copy is complete; nothing was changed yet
 *     forwards:   hold_connections   nothing new reaches the target
 *   halting       halt_target        recorded, restart policies off, stopped
 *     target lost: nothing           its last lease ran out, plus a margin
 *   reviving      revive_source      recorded containers started without restart policies, under a lease
 *   proving       verify_source      healthy
 *   rolled_back   arm_source         sent until answered
 *
 * A failure, a lost agent or a deadline restores the target, see `undo.ts`. The target's volumes are kept.
 */
const phases: { [P in RollbackPhase]: { kind: CommandKind; msMax: number; waitS?: (saga: Saga) => number } } = {
  checking: { kind: 'check_retained', msMax: limits.step.checkingRetainedMsMax },
  halting: { kind: 'halt_target', msMax: limits.step.stoppingMsMax },
  reviving: { kind: 'revive_source', msMax: limits.step.deployingMsMax, waitS: startWaitOf },
  proving: { kind: 'verify_source', msMax: limits.health.answerMsMax, waitS: healthTimeoutOf },
};

/** Returns false if `rollbackRefusal` refuses it. */
export function beginRollback(draft: TransitionDraft): boolean {
  if (rollbackRefusal(draft.saga, draft.now)) return false;
  begin(draft, false);
  return true;
}

/** The target was declared lost, so the rollback does not ask it to stop. */
export function reviveSource(draft: TransitionDraft): void {
  begin(draft, true);
}

/** The rollback's first change. What is halted already is halted once more. */
export function haltTarget(draft: TransitionDraft, rollback: Rollback): void {
  enter(draft, rollback, 'halting');
}

function begin(draft: TransitionDraft, target_lost: boolean): void {
  const { saga, now } = draft;
  const before = saga.undo ? saga.rollback : null;
  const unarmed = saga.arming !== null || before?.unarmed === true;
  forgetAwaited(draft);
  saga.epoch += 1;
  Object.assign(saga, { status: 'rolling_back', retry: [], undo: null, attention: null, arming: null, late_proofs: 0 });
  saga.rollback = { phase: 'checking', requested_at: now, ended_at: null, failure: null, unarmed, target_lost };
  enter(draft, saga.rollback, 'checking');
}

export function onRollback(draft: TransitionDraft, event: SagaEvent): boolean {
  const { saga } = draft;
  const { rollback } = saga;
  if (!rollback) throw new Error(`migration ${saga.id} is rolling back without a phase`);
  switch (event.type) {
    case 'command_done':
      return done(draft, rollback, recordResult(draft, event));
    case 'command_failed':
      if (!saga.awaiting.some(({ id }) => id === event.command_id)) return false;
      if (goesOnWithoutHold(draft, rollback, event)) return true;
      if (event.failure.code === 'lease_expired' && mayRevive(draft, rollback)) {
        close(draft, event.command_id);
        enter(draft, rollback, 'reviving');
      } else beginRollbackUndo(draft, rollback.phase, event.failure);
      return true;
    case 'agent_lost':
      if (!saga.awaiting.some(({ host }) => host === event.host)) return false;
      if (waitsWithoutHold(draft, rollback)) return true;
      beginRollbackUndo(draft, rollback.phase, lost(saga, event.host));
      return true;
    case 'overdue':
      if (rollback.phase === 'halting' && rollback.target_lost) {
        if (!waitsForLease(draft, event.leased_until ?? null)) enter(draft, rollback, 'reviving');
        return true;
      }
      beginRollbackUndo(draft, rollback.phase, {
        code: 'command_timeout',
        message: `The rollback's phase "${rollback.phase}" took longer than its limit.`,
        log_tail: [],
      });
      return true;
    case 'preflight_passed':
    case 'preflight_refused':
    case 'cancel':
    case 'cutover':
    case 'resolve':
    case 'retry':
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

function done(draft: TransitionDraft, rollback: Rollback, kind: CommandKind | false): boolean {
  if (kind === 'hold_connections') afterHold(draft, rollback);
  else if (kind) goOn(draft, rollback);
  return kind !== false;
}

/** A lost target is not asked to stop; the end of its lease goes on. */
function afterHold(draft: TransitionDraft, rollback: Rollback): void {
  if (!rollback.target_lost) issue(draft, 'halting');
}

/** Clients may be refused then, but the way back is open. */
function goesOnWithoutHold(
  draft: TransitionDraft,
  rollback: Rollback,
  { command_id, failure }: CommandFailed,
): boolean {
  if (draft.saga.awaiting.find(({ id }) => id === command_id)?.kind !== 'hold_connections') return false;
  close(draft, command_id);
  recordEvent(draft, 'notice', { message: 'connections to the source could not be held', why: failure.message });
  afterHold(draft, rollback);
  return true;
}

/** What ends the wait for a lost target is the end of its lease, not the source's answer. */
function waitsWithoutHold(draft: TransitionDraft, { phase, target_lost }: Rollback): boolean {
  if (phase !== 'halting' || !target_lost) return false;
  for (const { id } of draft.saga.awaiting.filter(({ kind }) => kind === 'hold_connections')) close(draft, id);
  return true;
}

function goOn(draft: TransitionDraft, rollback: Rollback): void {
  const next = rollbackPhases[rollbackPhases.indexOf(rollback.phase) + 1];
  if (next) {
    enter(draft, rollback, next);
    return;
  }
  if (isLate(draft, 'verify_source')) {
    if (mayProveAgain(draft)) enter(draft, rollback, 'proving');
    else beginRollbackUndo(draft, 'proving', lateProof);
    return;
  }
  rollback.ended_at = draft.now;
  draft.commit_by = provenUntil(draft.saga, 'verify_source');
  beginArming(draft, 'rolled_back');
  oweRelease(draft);
  // In case the lost target comes back; before anything that may take long there.
  if (rollback.target_lost) send(draft, 'halt_target');
  oweSetBack(draft);
}

/** The lease ran out, so the source stopped the stack: start and verify it again. */
const mayRevive = (draft: TransitionDraft, { phase }: Rollback) =>
  (phase === 'reviving' || phase === 'proving') && mayProveAgain(draft);

function enter(draft: TransitionDraft, rollback: Rollback, phase: RollbackPhase): void {
  rollback.phase = phase;
  const isHeld = phase === 'halting' && holdConnections(draft);
  if (isHeld) send(draft, 'hold_connections');
  if (phase === 'halting' && rollback.target_lost)
    draft.saga.deadline_at = draft.now + limits.lease.leaseMs + limits.lease.marginMs;
  else if (isHeld) draft.saga.deadline_at = draft.now + phases.halting.msMax;
  else issue(draft, phase);
}

function issue(draft: TransitionDraft, phase: RollbackPhase): void {
  const { kind, msMax, waitS = () => 0 } = phases[phase];
  send(draft, kind);
  draft.saga.deadline_at = draft.now + msMax + waitS(draft.saga) * 1_000;
  recordEvent(draft, 'notice', { message: `rollback: ${phase}` });
}
