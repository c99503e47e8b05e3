import { limits } from '../../schema/limits.ts';
import type { Engine } from '../engine/engine.ts';
import { type LedgerEntry, leasedContainers, type MigrationLedger } from '../migration-ledger.ts';
import { idsOf, runs, untilNoneRuns } from './container-states.ts';
import { addCreated } from './created-stack.ts';

/**
 * Stops what this migration started here: by the recorded ids, and by their origin what a crash kept from being
 * recorded. Nothing else of that project name (F47). Resolves only when none of it runs. `graceMsMax` is for a lease
 * that lapsed: the other side starts after its margin, however long a container's own stop timeout is.
 */
export async function stopLeased(
  migrationId: string,
  engine: Engine,
  ledger: MigrationLedger,
  signal: AbortSignal = AbortSignal.timeout(limits.step.restoringMsMax),
  graceMsMax?: number,
): Promise<void> {
  const entry = ledger.find(migrationId);
  if (!entry) return;
  if (entry.deployment && ownsFiles(entry)) {
    const found = await engine.findCreated(entry.deployment, migrationId);
    await ledger.amend(migrationId, (draft) => addCreated(draft, found));
  }
  const ids = leasedContainers(ledger.find(migrationId) ?? entry);
  const containers = await engine.inspectContainers(ids);
  await engine.disarm(idsOf(containers));
  await engine.stop(idsOf(containers.filter(runs)), signal, graceMsMax);
  await untilNoneRuns(() => engine.inspectContainers(ids), signal);
}

/** On a target: where this migration put the files, once `deploy` may have used them. On a source they always were its own. */
function ownsFiles({ deployment, deployed, revived, created }: LedgerEntry): boolean {
  return revived || (deployed && deployment !== null && created.paths.includes(deployment.target_dir));
}
