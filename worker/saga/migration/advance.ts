import type { Failure } from '../../../schema/agent-protocol.ts';
import { isStep, type Step } from '../../../schema/migration-status.ts';
import type { Saga } from '../../../schema/saga.ts';
import { afterTheEnd } from './after-terminal.ts';
import { enterStep, nextStep } from './enter-step.ts';
import type { CommandFailed, SagaEvent } from './events.ts';
import { whileHolding } from './hold.ts';
import { passesAgain } from './last-pass.ts';
import { isLate, lateProof, mayProveAgain } from './lease-proof.ts';
import { judgePrepared, judgeProject, judgeVolumes } from './proof.ts';
import { resolve } from './resolve.ts';
import { askHosts, whileTelling } from './restored.ts';
import { close, forgoUnneeded, lost, recordResult } from './results.ts';
import { onRollback } from './rollback.ts';
import { nextRound } from './step-commands.ts';
import {
  extendRound,
  issueRound,
  recordEvent,
  startDraft,
  type Transition,
  type TransitionDraft,
} from './transition.ts';
import { beginUndo, endWithoutUndo, undo } from './undo.ts';

/**
 * The saga of one migration as a pure function: no I/O, no clock, no randomness.
 *
 *   step          commands                            the step ends when
 *   preflight     (the control plane asks both hosts) every check passed
 *   preparing     prepare_source ‖ prepare_target     empty volumes created, sizes known
 *     on demand:  send_logins ‖ pull_images           images that need the source's registry logins
 *     on demand:  send_images ‖ receive_images        what the target cannot pull
 *     pre-copy:   warm_source ‖ warm_target           passes over the running stack
 *                 stage_source ‖ stage_target         containers created, not started; small project directories only
 *                 pass_source ‖ pass_target           what was written meanwhile, unless it holds; see `last-pass.ts`
 *   holding       pass_source ‖ pass_target           a cutover was asked for, or is due; see `hold.ts`
 *     on request: again and again
 *   stopping      stop_stack (‖ expect_source)        source recorded, restart policies off, stopped
 *   transferring  send_volumes ‖ receive_volumes      equal digests and manifests for every volume
 *     pre-copy:   changes since the passes            a volume that differs is sent again whole
 *   shipping      send_project ‖ receive_project      the same for the project directory
 *     pre-copy:   nothing                             if it is unchanged since it was staged
 *                 changes since the passes            if it was too large to be staged; whole if it differs
 *   deploying     deploy                              created without restart policies, started under a lease
 *   verifying     verify_health                       healthy
 *     late:       verify_health, or deploy again      if the lease ended before the proof was recorded
 *   completed     arm_target, retain_source           sent until answered; the safety window opens
 *
 * A failure, a lost agent, a deadline or a cancellation in any step leads to `undo.ts`: stop the target, restore the
 * source, clean up the target. Commands and requests after a terminal state (purge, rollback) are in `after-terminal.ts`
 * and `arming.ts`, the steps of a rollback in `rollback.ts`, operator decisions in `resolve.ts`, and the recovery from a
 * restored database in `restored.ts`.
 *
 * Returns the next state with its commands and events, or null if the event changes nothing (a repeat, or too late).
 */
export function advance(saga: Saga, event: SagaEvent, now: number): Transition | null {
  if (event.type === 'overdue' && (saga.deadline_at === null || now < saga.deadline_at)) return null;
  const draft = startDraft(saga, now);
  if (!handle(draft, event)) return null;
  if (draft.saga.status !== saga.status) recordEvent(draft, 'status', { from: saga.status, to: draft.saga.status });
  return {
    saga: draft.saga,
    commands: draft.commands,
    closed: draft.closed,
    events: draft.events,
    commit_by: draft.commit_by,
  };
}

function handle(draft: TransitionDraft, event: SagaEvent): boolean {
  const { status } = draft.saga;
  if (event.type === 'restored') return askHosts(draft);
  if (event.type === 'resolve') return resolve(draft, event.resolution);
  if (draft.saga.telling) return whileTelling(draft, event);
  if (draft.saga.undo) return undo(draft, event);
  if (isStep(status)) return inStep(draft, status, event);
  if (status === 'rolling_back') return onRollback(draft, event);
  return afterTheEnd(draft, event);
}

function inStep(draft: TransitionDraft, step: Step, event: SagaEvent): boolean {
  const held = step === 'holding' ? whileHolding(draft, event) : null;
  if (held !== null) return held;
  switch (event.type) {
    case 'preflight_passed':
      if (step !== 'preflight') return false;
      draft.saga.plan = event.plan;
      enterStep(draft, 'preparing');
      return true;
    case 'preflight_refused':
      if (step !== 'preflight') return false;
      endWithoutUndo(draft, step, event.failure);
      return true;
    case 'command_done': {
      if (!recordResult(draft, event)) return false;
      if (draft.saga.awaiting.length > 0) return true;
      const round = nextRound(draft, step);
      if (round) {
        issueRound(draft, step, round);
        return true;
      }
      const failure = judge[step]?.(draft) ?? null;
      if (failure) beginUndo(draft, step, failure);
      else enterStep(draft, nextStep(draft.saga, step));
      return true;
    }
    case 'command_failed':
      if (!draft.saga.awaiting.some(({ id }) => id === event.command_id)) return false;
      if (draft.saga.awaiting.some(({ id, kind }) => id === event.command_id && kind === 'expect_source'))
        return forgoUnneeded(draft);
      if (startsAgain(draft, step, event) || passesAgain(draft, step, event)) return true;
      beginUndo(draft, step, event.failure);
      return true;
    case 'agent_lost':
      if (!draft.saga.awaiting.some(({ host }) => host === event.host)) return false;
      if (step === 'stopping' && event.host === draft.saga.target) return forgoUnneeded(draft);
      beginUndo(draft, step, lost(draft.saga, event.host));
      return true;
    case 'moved':
      return extendRound(draft, step);
    case 'overdue':
      beginUndo(draft, step, {
        code: 'command_timeout',
        message: `The step "${step}" took longer than its limit.`,
        log_tail: [],
      });
      return true;
    case 'cancel':
      draft.saga.cancel_requested = true;
      beginUndo(draft, step, { code: 'cancelled', message: 'Cancelled on request.', log_tail: [] });
      return true;
    case 'cutover':
    case 'resolve':
    case 'retry':
    case 'rollback':
    case 'purge':
    case 'end_forwarding':
    case 'remind':
    case 'copy_seen':
    case 'restored':
    case 'host_deleted':
      return false;
  }
}

/** Checks the answers of a step before it ends; returns a failure if they do not agree. */
const judge: { [S in Step]?: (draft: TransitionDraft) => Failure | null } = {
  preparing: ({ saga }) => judgePrepared(saga),
  transferring: ({ saga }) => judgeVolumes(saga),
  shipping: ({ saga }) => judgeProject(saga),
  verifying: (draft) => (isLate(draft, 'verify_health') ? lateProof : null),
};

/** The lease ran out, so the target stopped the stack. The data is complete: start and verify it again. */
function startsAgain(draft: TransitionDraft, step: Step, { command_id, failure }: CommandFailed): boolean {
  if (failure.code !== 'lease_expired' || (step !== 'deploying' && step !== 'verifying')) return false;
  if (!mayProveAgain(draft)) return false;
  close(draft, command_id);
  recordEvent(draft, 'notice', {
    message: 'the lease of the target ran out: the stack is started there again',
    why: failure.message,
  });
  enterStep(draft, 'deploying');
  delete draft.saga.steps.verifying;
  return true;
}
