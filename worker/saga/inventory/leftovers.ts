import type { Leftover } from '../../../schema/agent-protocol.ts';
import type { StackSummary } from '../../../schema/facts.ts';
import type { MigrationRow } from '../migration/ports.ts';
import { isPurged, purgeOf } from '../migration/safety-window.ts';

/**
 * A host that was deleted and joined again has a new id, so its stopped copies match no migration and look like stacks.
 * Its ledger still identifies them. It is trusted only if the migration is known and the host that kept the copy was
 * deleted.
 */
export type Keeper = Pick<MigrationRow, 'id' | 'status' | 'source_host_id' | 'target_host_id' | 'saga'>;

/** Returns the claimed copies that are no stacks. Pure. A running copy was started on purpose: it is a stack. */
export function confirmedLeftovers(
  claims: Leftover[],
  reported: StackSummary[],
  keepers: Keeper[],
  deletedHosts: ReadonlySet<string>,
): Leftover[] {
  const stopped = new Set(reported.filter(({ running }) => !running).map(({ project }) => project));
  const keeperOf = new Map(keepers.map((keeper) => [keeper.id, keeper]));
  return claims.filter(({ project, migration_id }) => {
    const keeper = keeperOf.get(migration_id);
    return keeper !== undefined && stopped.has(project) && leftBehind(keeper, deletedHosts);
  });
}

function leftBehind({ status, source_host_id, target_host_id, saga }: Keeper, deletedHosts: ReadonlySet<string>) {
  const side = status === 'completed' ? 'source' : 'target';
  if (!deletedHosts.has(side === 'source' ? source_host_id : target_host_id)) return false;
  return !isPurged(saga.window, side) || purgeOf(saga.window, side)?.host_deleted === true;
}
