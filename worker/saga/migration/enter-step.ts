import { isStep, type Step, steps } from '../../../schema/migration-status.ts';
import type { Saga } from '../../../schema/saga.ts';
import { firstRound } from './step-commands.ts';
import { complete } from './terminal.ts';
import { issueRound, type TransitionDraft } from './transition.ts';

export function nextStep({ held }: Saga, step: Step): Step | 'completed' {
  const later = steps.slice(steps.indexOf(step) + 1);
  return later.find((next) => next !== 'holding' || held !== null) ?? 'completed';
}

export function enterStep(draft: TransitionDraft, step: Step | 'completed'): void {
  const { saga } = draft;
  if (isStep(saga.status)) endStep(draft, saga.status);
  if (step === 'completed') {
    complete(draft);
    return;
  }
  saga.status = step;
  saga.steps[step] = { started_at: draft.now, ended_at: null };
  const round = firstRound(draft, step);
  if (round.length > 0) issueRound(draft, step, round);
  else enterStep(draft, nextStep(saga, step));
}

function endStep(draft: TransitionDraft, step: Step): void {
  const clock = draft.saga.steps[step];
  if (clock) clock.ended_at = draft.now;
}
