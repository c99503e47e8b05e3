import type { CommandKind } from '../../schema/agent-protocol.ts';
import type { Step } from '../../schema/migration-status.ts';
import { isLate, mayProveAgain } from './lease-proof.ts';
import { differingVolumes, isStaged, judgeProject, sentChanges } from './proof.ts';
import { say, stepCommands, type Turn } from './turn.ts';

/** A step's own commands; none where all was done before. */
export function firstRound(turn: Turn, step: Step): CommandKind[] {
  const { kinds } = stepCommands[step];
  if (step !== 'shipping' || !turn.saga.results.stage_target) return kinds;
  if (isStaged(turn.saga)) return [];
  say(turn, 'notice', {
    message: 'what was made on the target before the stop is of no use any more: the project directory is sent again',
  });
  return kinds;
}

/**
 * What a step may do beyond its first commands: before the stop, images that the target cannot pull, and in a pre-copy
 * the passes over the running stack's volumes, then its containers; after it, where a volume turns out to differ, that
 * volume again, as a whole, and the same for the project directory; at the end, a proof of health that came too late
 * again. The commands of the next round, or null where the step has no more.
 */
export function nextRound(turn: Turn, step: Step): CommandKind[] | null {
  const { saga } = turn;
  if (step === 'verifying') return isLate(turn, 'verify_health') && mayProveAgain(turn) ? ['verify_health'] : null;
  const preCopy = saga.mode === 'pre-copy';
  if (step === 'preparing') {
    if (saga.plan && saga.plan.shipped.length > 0 && !saga.results.send_images)
      return ['send_images', 'receive_images'];
    if (!preCopy) return null;
    if (!saga.results.warm_source) return ['warm_source', 'warm_target'];
    return saga.plan?.staged && !saga.results.stage_source ? ['stage_source', 'stage_target'] : null;
  }
  if (step === 'shipping') {
    if (!sentChanges(saga) || !judgeProject(saga)) return null;
    say(turn, 'notice', { message: 'the project directory is not the same on both sides: sent again as a whole' });
    return ['send_project', 'receive_project'];
  }
  if (step !== 'transferring' || !preCopy || saga.sent_whole.length > 0) return null;
  const volumes = differingVolumes(saga);
  if (volumes.length === 0) return null;
  saga.sent_whole = volumes;
  say(turn, 'notice', { message: 'not the same on both sides after the last changes: sent again as a whole', volumes });
  return ['send_volumes', 'receive_volumes'];
}
