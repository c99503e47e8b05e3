import type { CommandKind } from '../../../schema/commands.ts';
import { limits } from '../../../schema/limits.ts';
import type { Step } from '../../../schema/migration-status.ts';
import type { CommandFailed } from './events.ts';
import { isRemembered, judgePrepared } from './proof.ts';
import { stackChanges } from './stack-changes.ts';
import { dropRound, issueRound, recordEvent, type TransitionDraft } from './transition.ts';

/**
 * The last pass of a pre-copy that does not hold. The target has read all contents since the passes before, and the
 * containers were created: what the stack wrote meanwhile would be carried in the downtime.
 *
 *   the last pass              then
 *   arrived                    the stop
 *   forgotten by the source    another one, since all would be copied in the downtime; the stop if it was the last try
 *   failed                     another one, in a new epoch; the migration fails if it was the last try, with nothing stopped
 *   saw another stack          the stop all the same, with a notice: a stack may be deployed again while it is copied
 *
 * Returns null if there is none to come.
 */
export function lastPass(draft: TransitionDraft): CommandKind[] | null {
  const { saga } = draft;
  if (!saga.plan?.last_pass || saga.held) return null;
  const differs = judgePrepared(saga) !== null;
  if (saga.last_passes === 0) return differs ? null : begin(draft);
  if ((differs || !isRemembered(saga)) && saga.last_passes < limits.warm.lastPassesMax) return begin(draft);
  if (!differs) noteChanges(draft);
  return null;
}

/** True if what failed was a last pass, and it is repeated. */
export function passesAgain(draft: TransitionDraft, step: Step, { failure }: CommandFailed): boolean {
  const { last_passes } = draft.saga;
  if (step !== 'preparing' || last_passes === 0 || last_passes >= limits.warm.lastPassesMax) return false;
  recordEvent(draft, 'notice', { message: 'a pass failed and is repeated', code: failure.code, why: failure.message });
  dropRound(draft);
  issueRound(draft, step, begin(draft));
  return true;
}

/** Each has lanes of its own, since a lane that passed is not carried again. */
function begin({ saga }: TransitionDraft): CommandKind[] {
  saga.last_passes += 1;
  return ['pass_source', 'pass_target'];
}

function noteChanges(draft: TransitionDraft): void {
  const { prepare_source, pass_source } = draft.saga.results;
  const changes = stackChanges(prepare_source?.containers ?? [], pass_source?.containers ?? []);
  if (changes.length > 0)
    recordEvent(draft, 'notice', {
      message: 'the stack has changed since the pre-flight, and is moved as it is',
      changes,
    });
}
