import type { Resolution } from '../../schema/saga.ts';
import { enterStep } from './advance.ts';
import { resolutionRefusal, resolutionsOf } from './resolutions.ts';
import { reviveSource } from './rollback.ts';
import { forgetAwaited, say, type Turn } from './turn.ts';
import { beginRollbackUndo, trustTheLease } from './undo.ts';

/** False where it is refused: `resolutionRefusal` says why. */
export function resolve(turn: Turn, resolution: Resolution): boolean {
  const { saga } = turn;
  if (resolutionRefusal(saga, resolution)) return false;
  const { consequence } = resolutionsOf(saga).find((known) => known.resolution === resolution)!;
  say(turn, 'notice', { message: 'resolved by decision', resolution, consequence });
  if (resolution === 'give_up') giveUp(turn);
  else if (resolution === 'source_lost') loseSource(turn);
  else loseTarget(turn);
  return true;
}

function loseSource(turn: Turn): void {
  const { saga } = turn;
  saga.source_lost = true;
  if (saga.undo?.from === 'migration') {
    startOnTarget(turn);
    return;
  }
  if (saga.undo) {
    trustTheLease(turn);
    return;
  }
  saga.status = 'rolling_back';
  saga.arming = null;
  beginRollbackUndo(turn, 'proving', {
    code: 'agent_lost',
    message: 'The source host was declared lost.',
    log_tail: [],
  });
}

function loseTarget(turn: Turn): void {
  if (turn.saga.undo?.from === 'migration') trustTheLease(turn);
  else reviveSource(turn);
}

/** All of the data is there and proven, so the migration goes on from its deployment. */
function startOnTarget(turn: Turn): void {
  const { saga } = turn;
  forgetAwaited(turn);
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
  enterStep(turn, 'deploying');
}

/** The account of what is where stays as the failure's message. */
function giveUp(turn: Turn): void {
  const { saga, now } = turn;
  const { source, target } = saga.attention ?? { source: 'unknown', target: 'unknown' };
  forgetAwaited(turn);
  saga.epoch += 1;
  if (saga.rollback) saga.rollback.ended_at ??= now;
  saga.failure = {
    step: saga.failure?.step ?? 'verifying',
    code: 'given_up',
    message: `Given up by decision. The copy on the source: ${source}. The copy on the target: ${target}.`,
    log_tail: [],
  };
  say(turn, 'failure', { code: 'given_up', message: saga.failure.message });
  Object.assign(saga, { status: 'failed', undo: null, arming: null, attention: null, retry: [], deadline_at: null });
}
