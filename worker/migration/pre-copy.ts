import type { CommandKind } from '../../schema/agent-protocol.ts';
import type { Step } from '../../schema/migration-status.ts';
import { differingVolumes } from './proof.ts';
import { say, type Turn } from './turn.ts';

/**
 * What a pre-copy does beyond a stop-copy: passes over the running stack's volumes once they are prepared, and after the
 * stop, where a volume turns out to differ, that volume again, as a whole. The step's commands of the next round, or
 * null where the step has no more.
 */
export function nextRound(turn: Turn, step: Step): CommandKind[] | null {
  const { saga } = turn;
  if (saga.mode !== 'pre-copy') return null;
  if (step === 'preparing' && !saga.results.warm_source) return ['warm_source', 'warm_target'];
  if (step !== 'transferring' || saga.sent_whole.length > 0) return null;
  const volumes = differingVolumes(saga);
  if (volumes.length === 0) return null;
  saga.sent_whole = volumes;
  say(turn, 'notice', { message: 'not the same on both sides after the last changes: sent again as a whole', volumes });
  return ['send_volumes', 'receive_volumes'];
}
