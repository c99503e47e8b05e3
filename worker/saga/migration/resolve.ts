import type { Resolution } from '../../../schema/saga.ts';
import { enterStep } from './enter-step.ts';
import { assumeHeld, endForwarding } from './forwarding.ts';
import { resolutionRefusal, resolutionsOf } from './resolutions.ts';
import { reviveSource } from './rollback.ts';
import { forgetAwaited, recordEvent, type TransitionDraft } from './transition.ts';
import { beginRollbackUndo, trustTheLease } from './undo.ts';

/** Returns false if `resolutionRefusal` refuses it. */
export function resolve(draft: TransitionDraft, resolution: Resolution): boolean {
  const { saga } = draft;
  if (resolutionRefusal(saga, resolution)) return false;
  const { consequence } = resolutionsOf(saga).find((known) => known.resolution === resolution)!;
  recordEvent(draft, 'notice', { message: 'resolved by decision', resolution, consequence });
  // A lost host is not asked for its records.
  saga.telling = false;
  if (resolution === 'give_up') giveUp(draft);
  else if (resolution === 'source_lost') loseSource(draft);
  else loseTarget(draft);
  return true;
}

function loseSource(draft: TransitionDraft): void {
  const { saga } = draft;
  saga.source_lost = true;
  if (saga.undo?.from === 'migration') {
    startOnTarget(draft);
    return;
  }
  if (saga.undo) {
    trustTheLease(draft);
    return;
  }
  saga.status = 'rolling_back';
  saga.arming = null;
  beginRollbackUndo(draft, 'proving', {
    code: 'agent_lost',
    message: 'The source host was declared lost.',
    log_tail: [],
  });
}

function loseTarget(draft: TransitionDraft): void {
  if (draft.saga.undo?.from === 'migration') trustTheLease(draft);
  else reviveSource(draft);
}

/** The target's data is complete and proven, so continue from the deployment. */
function startOnTarget(draft: TransitionDraft): void {
  const { saga } = draft;
  forgetAwaited(draft);
  saga.epoch += 1;
  Object.assign(saga, {
    undo: null,
    attention: null,
    failure: null,
    retry: [],
    cancel_requested: false,
    late_proofs: 0,
  });
  delete saga.steps.verifying;
  enterStep(draft, 'deploying');
}

/** Keeps the description of both copies as the failure's message. */
function giveUp(draft: TransitionDraft): void {
  const { saga, now } = draft;
  const { source, target } = saga.attention ?? { source: 'unknown', target: 'unknown' };
  forgetAwaited(draft);
  saga.epoch += 1;
  if (saga.rollback) saga.rollback.ended_at ??= now;
  saga.failure = {
    step: saga.failure?.step ?? 'verifying',
    code: 'given_up',
    message: `Given up by decision. The copy on the source: ${source}. The copy on the target: ${target}.`,
    log_tail: [],
  };
  recordEvent(draft, 'failure', { code: 'given_up', message: saga.failure.message });
  Object.assign(saga, {
    status: 'failed',
    undo: null,
    arming: null,
    attention: null,
    retry: [],
    deadline_at: null,
    telling: false,
  });
  if (saga.restorations > 0) assumeHeld(draft);
  endForwarding(draft, 'the migration was given up');
}
