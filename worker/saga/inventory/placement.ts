import type { StackSummary } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import { isTerminal } from '../../../schema/migration-status.ts';
import type { MigrationRow } from '../migration/ports.ts';
import { isPurged, owes } from '../migration/safety-window.ts';
import { type LatestMove, standingOf } from './standing.ts';

export interface Move extends LatestMove {
  id: string;
  stack_id: string;
  stack_name: string;
  ended_at: number | null;
  /** The copy kept on this host was seen running. */
  copy_running: boolean;
}

type Moving = Pick<MigrationRow, 'id' | 'stack_id' | 'stack_name' | 'status' | 'source_host_id' | 'ended_at' | 'saga'>;

/** A migration from the view of one of its hosts. Pure. */
export function moveOf(
  { id, stack_id, stack_name, status, source_host_id, ended_at, saga }: Moving,
  host: string,
): Move {
  const role = source_host_id === host ? 'source' : 'target';
  return {
    id,
    stack_id,
    stack_name,
    // While it needs attention during arming, the stack's home is already decided.
    status: status === 'needs_attention' ? (saga.arming?.end ?? status) : status,
    ended_at,
    role,
    cleanup_owed: owes(saga, 'cleanup_target'),
    rolling_back: status === 'rolling_back' || saga.undo?.from === 'rollback',
    purged: isPurged(saga.window, role),
    copy_running: saga.window?.copy_running ?? false,
  };
}

/** F45: kept copies whose running state has changed. Pure. */
export function copiesSeen(reported: StackSummary[], moves: Move[], now: number) {
  const runs = new Set(reported.filter(({ running, plain }) => running && !plain).map(({ project }) => project));
  return moves
    .filter((move) => isTerminal(move.status) && standingOf(move) === 'copy' && !settling(move, now))
    .map(({ id, stack_id, stack_name, copy_running }) => ({
      id,
      stack_id,
      copy_running,
      running: runs.has(stack_name),
    }))
    .filter(({ copy_running, running }) => copy_running !== running);
}

/** Active, or completed so recently that the report may be older. */
export function settling(move: Move | undefined, now: number): boolean {
  if (!move) return false;
  return !isTerminal(move.status) || now - (move.ended_at ?? now) < 2 * limits.control.inventoryIntervalMs;
}
