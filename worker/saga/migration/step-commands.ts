import type { CommandKind } from '../../../schema/commands.ts';
import type { Step } from '../../../schema/migration-status.ts';
import type { Saga } from '../../../schema/saga.ts';
import { holdConnections } from './forwarding.ts';
import { earlyLanes } from './lanes.ts';
import { lastPass } from './last-pass.ts';
import { isLate, mayProveAgain } from './lease-proof.ts';
import { differingVolumes, isStaged, judgeProject, sentChanges } from './proof.ts';
import { recordEvent, stepCommands, type TransitionDraft } from './transition.ts';

/** The first commands of a step; empty if an earlier step already did the work. */
export function firstRound(draft: TransitionDraft, step: Step): CommandKind[] {
  const { kinds } = stepCommands[step];
  if (step === 'holding') beginRound(draft);
  if (step === 'stopping') return holdConnections(draft) ? ['hold_connections'] : stopRound(draft.saga);
  if (step !== 'shipping' || !draft.saga.results.stage_target) return kinds;
  if (isStaged(draft.saga)) return [];
  recordEvent(draft, 'notice', {
    message: 'the containers created before the stop no longer fit: the project directory is sent again',
  });
  return kinds;
}

/** The target is told to expect the first lanes, if it knows how. */
const stopRound = (saga: Saga): CommandKind[] => [
  ...(earlyLanes(saga).length > 0 ? (['expect_source'] as const) : []),
  ...stepCommands.stopping.kinds,
];

/** Each round of a hold has lanes of its own, since a lane that passed is not carried again. */
function beginRound({ saga }: TransitionDraft): void {
  if (saga.held) saga.held.rounds += 1;
}

/**
 * Returns the next round of commands of a step, or null if it has no more. Before the stop: images that the target
 * pulls with the source's logins or cannot pull, and in a pre-copy the passes over the running volumes, then the
 * containers, then a last pass. After it: volumes or a project directory that differ, again whole. At the end:
 * verification again if its proof came too late.
 */
export function nextRound(draft: TransitionDraft, step: Step): CommandKind[] | null {
  const { saga } = draft;
  if (step === 'stopping') return saga.results.stop_stack ? null : stopRound(saga);
  if (step === 'verifying') return isLate(draft, 'verify_health') && mayProveAgain(draft) ? ['verify_health'] : null;
  const preCopy = saga.mode === 'pre-copy';
  if (step === 'preparing') {
    if (saga.plan && saga.plan.private_images.length > 0 && !saga.results.pull_images)
      return ['send_logins', 'pull_images'];
    if (saga.plan && saga.plan.shipped.length > 0 && !saga.results.send_images)
      return ['send_images', 'receive_images'];
    if (!preCopy) return null;
    if (!saga.results.warm_source) return ['warm_source', 'warm_target'];
    if (saga.plan?.staged && !saga.results.stage_source) return ['stage_source', 'stage_target'];
    return lastPass(draft);
  }
  if (step === 'shipping') {
    if (!sentChanges(saga) || !judgeProject(saga)) return null;
    recordEvent(draft, 'notice', {
      message: 'the project directory is not the same on both sides: sent again as a whole',
    });
    return ['send_project', 'receive_project'];
  }
  if (step !== 'transferring' || !preCopy || saga.sent_whole.length > 0) return null;
  const volumes = differingVolumes(saga);
  if (volumes.length === 0) return null;
  saga.sent_whole = volumes;
  recordEvent(draft, 'notice', {
    message: 'not the same on both sides after the last changes: sent again as a whole',
    volumes,
  });
  return ['send_volumes', 'receive_volumes'];
}
