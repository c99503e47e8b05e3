import type { Failure } from '../../schema/agent-protocol.ts';
import { isStep, type Step, steps } from '../../schema/migration-status.ts';
import type { Resolution, Saga, SagaPlan } from '../../schema/saga.ts';
import { type CommandDone, close, settle } from './answers.ts';
import { isLate, lateProof, mayProveAgain } from './lease-proof.ts';
import { afterTheEnd, complete } from './owed.ts';
import { judgePrepared, judgeProject, judgeVolumes } from './proof.ts';
import { resolve } from './resolve.ts';
import { onRollback } from './rollback.ts';
import { firstRound, nextRound } from './rounds.ts';
import { extendRound, issueRound, say, startTurn, type Transition, type Turn } from './turn.ts';
import { beginUndo, endWithoutUndo, undo } from './undo.ts';

/**
 * The saga: one migration, one pure function. No I/O, no clock, no randomness.
 *
 *   step          commands                            then
 *   preflight     (the control plane asks both hosts) every check passed
 *   preparing     prepare_source ‖ prepare_target     volumes made empty, sizes known
 *     on demand:  send_images ‖ receive_images        what the target cannot pull
 *     pre-copy:   warm_source ‖ warm_target           passes over the running stack
 *                 stage_source ‖ stage_target         its containers made, started none; not of a large directory
 *   stopping      stop_stack                          source recorded, disarmed, stopped
 *   transferring  send_volumes ‖ receive_volumes      equal digests and manifests for every volume
 *     pre-copy:   what changed since; whole again     where the two sides differ
 *   shipping      send_project ‖ receive_project      the same for the project directory
 *     pre-copy:   nothing                             where it is as it was when it was staged
 *                 what changed since; whole again     where it is too large to be staged
 *   deploying     deploy                              created disarmed, started under a lease
 *   verifying     verify_health                       healthy
 *     late:       verify_health, or deploy again      where the proof came too late for the lease it was given under
 *   completed     arm_target, retain_source           owed until answered; the safety window opens
 *
 * A failure, a lost agent, a deadline or a cancel in any step leads to `undo.ts`: the target stopped, the source put
 * back, the target cleaned. What a terminal state still owes to hosts, and what may be asked of it (purge, rollback), is
 * in `owed.ts` and `arming.ts`; the rollback's own steps are in `rollback.ts`, what a person may decide in `resolve.ts`.
 */
export type SagaEvent =
  | { type: 'preflight_passed'; plan: SagaPlan }
  | { type: 'preflight_refused'; failure: Failure }
  | CommandDone
  | CommandFailed
  /** A host has been out of contact for longer than its bound. */
  | { type: 'agent_lost'; host: string }
  /** Bytes have moved since the last look. */
  | { type: 'moved' }
  /** `deadline_at` has passed. `leased_until`: when the last lease ends that a host of it was granted. */
  | { type: 'overdue'; leased_until?: number | null }
  | { type: 'cancel' }
  /** A person decided what is to become of a wait. */
  | { type: 'resolve'; resolution: Resolution }
  /** A person mended something. `stopped`: they vouch that the copy which is to be stopped is, for good. */
  | { type: 'retry'; stopped: boolean }
  | { type: 'rollback' }
  | { type: 'purge'; side: 'source' | 'target' }
  /** The safety window may have passed. */
  | { type: 'remind' }
  /** Whether the retained source copy runs, as its host reports. */
  | { type: 'copy_seen'; running: boolean }
  /** A host left the fleet for good. */
  | { type: 'host_deleted'; host: string };

interface CommandFailed {
  type: 'command_failed';
  command_id: string;
  failure: Failure;
}

/** The next state with what to send and tell, or null where the event changes nothing (a repeat, or too late). */
export function advance(saga: Saga, event: SagaEvent, now: number): Transition | null {
  if (event.type === 'overdue' && (saga.deadline_at === null || now < saga.deadline_at)) return null;
  const turn = startTurn(saga, now);
  if (!handle(turn, event)) return null;
  if (turn.saga.status !== saga.status) say(turn, 'status', { from: saga.status, to: turn.saga.status });
  return {
    saga: turn.saga,
    commands: turn.commands,
    closed: turn.closed,
    events: turn.events,
    commit_by: turn.commit_by,
  };
}

function handle(turn: Turn, event: SagaEvent): boolean {
  const { status } = turn.saga;
  if (event.type === 'resolve') return resolve(turn, event.resolution);
  if (turn.saga.undo) return undo(turn, event);
  if (isStep(status)) return inStep(turn, status, event);
  if (status === 'rolling_back') return onRollback(turn, event);
  return afterTheEnd(turn, event);
}

function inStep(turn: Turn, step: Step, event: SagaEvent): boolean {
  switch (event.type) {
    case 'preflight_passed':
      if (step !== 'preflight') return false;
      turn.saga.plan = event.plan;
      enterStep(turn, 'preparing');
      return true;
    case 'preflight_refused':
      if (step !== 'preflight') return false;
      endWithoutUndo(turn, step, event.failure);
      return true;
    case 'command_done': {
      if (!settle(turn, event)) return false;
      if (turn.saga.awaiting.length > 0) return true;
      const round = nextRound(turn, step);
      if (round) {
        issueRound(turn, step, round);
        return true;
      }
      const failure = judge[step]?.(turn) ?? null;
      if (failure) beginUndo(turn, step, failure);
      else enterStep(turn, nextStep(step));
      return true;
    }
    case 'command_failed':
      if (!turn.saga.awaiting.some(({ id }) => id === event.command_id)) return false;
      if (startsAgain(turn, step, event)) return true;
      beginUndo(turn, step, event.failure);
      return true;
    case 'agent_lost':
      if (!turn.saga.awaiting.some(({ host }) => host === event.host)) return false;
      beginUndo(turn, step, lost(turn.saga, event.host));
      return true;
    case 'moved':
      return extendRound(turn, step);
    case 'overdue':
      beginUndo(turn, step, {
        code: 'command_timeout',
        message: `The step "${step}" took longer than its limit.`,
        log_tail: [],
      });
      return true;
    case 'cancel':
      turn.saga.cancel_requested = true;
      beginUndo(turn, step, { code: 'cancelled', message: 'Cancelled on request.', log_tail: [] });
      return true;
    case 'resolve':
    case 'retry':
    case 'rollback':
    case 'purge':
    case 'remind':
    case 'copy_seen':
    case 'host_deleted':
      return false;
  }
}

/** What must hold before a step may end; a failure of its own where the answers don't agree. */
const judge: { [S in Step]?: (turn: Turn) => Failure | null } = {
  preparing: ({ saga }) => judgePrepared(saga),
  transferring: ({ saga }) => judgeVolumes(saga),
  shipping: ({ saga }) => judgeProject(saga),
  verifying: (turn) => (isLate(turn, 'verify_health') ? lateProof : null),
};

/** The lease ran out, so the target stopped what it had started. All data is there: it is started and verified again. */
function startsAgain(turn: Turn, step: Step, { command_id, failure }: CommandFailed): boolean {
  if (failure.code !== 'lease_expired' || (step !== 'deploying' && step !== 'verifying')) return false;
  if (!mayProveAgain(turn)) return false;
  close(turn, command_id);
  say(turn, 'notice', {
    message: 'the lease of the target ran out: the stack is started there again',
    why: failure.message,
  });
  enterStep(turn, 'deploying');
  delete turn.saga.steps.verifying;
  return true;
}

function nextStep(step: Step): Step | 'completed' {
  return steps[steps.indexOf(step) + 1] ?? 'completed';
}

export function enterStep(turn: Turn, step: Step | 'completed'): void {
  const { saga } = turn;
  if (isStep(saga.status)) endStep(turn, saga.status);
  if (step === 'completed') {
    complete(turn);
    return;
  }
  saga.status = step;
  saga.steps[step] = { started_at: turn.now, ended_at: null };
  const round = firstRound(turn, step);
  if (round.length > 0) issueRound(turn, step, round);
  else enterStep(turn, nextStep(step));
}

function endStep(turn: Turn, step: Step): void {
  const clock = turn.saga.steps[step];
  if (clock) clock.ended_at = turn.now;
}

export function lost(saga: Saga, host: string): Failure {
  const role = host === saga.source ? 'source' : 'target';
  return { code: 'agent_lost', message: `The ${role} host's agent was out of contact for too long.`, log_tail: [] };
}
