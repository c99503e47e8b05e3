import { limits } from '../../../schema/limits.ts';
import type { Engine } from '../../engine/engine.ts';
import type { LedgerEntry, MigrationLedger } from '../../migration-ledger.ts';
import { isLeased, leasedContainers } from '../../tenancy.ts';
import { idsOf, runs, untilNoneRuns } from './container-states.ts';
import { addCreated } from './created-stack.ts';
import { oneOffsOf } from './data-users.ts';

/**
 * Stops what this migration started on this host: by recorded id, and by origin for containers that a crash kept from
 * being recorded, one-off runs of the stack included. Leaves anything else with that project name alone (F47). Resolves
 * only once none of it runs. `graceMsMax` is for a lapsed lease: the other side starts after its margin, no matter how
 * long a container's own stop timeout is.
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
  if (entry.deployment && (await ownsFiles(entry, engine))) {
    const found = await engine.findCreated(entry.deployment, migrationId);
    await ledger.amend(migrationId, (draft) => addCreated(draft, found));
  }
  const ids = leasedContainers(ledger.find(migrationId) ?? entry);
  const containers = await engine.inspectContainers(ids);
  await engine.disarm(idsOf(containers));
  await engine.stop(idsOf(containers.filter(runs)), signal, graceMsMax);
  await untilNoneRuns(() => engine.inspectContainers(ids), signal);
  // One-off runs were started by a person from the stack's files, and would keep running next to another copy.
  const oneOffs = await oneOffsOf(entry, engine);
  const running = (await engine.inspectContainers(oneOffs)).filter(runs);
  if (running.length === 0) return;
  await engine.stop(idsOf(running), signal, graceMsMax);
  await untilNoneRuns(() => engine.inspectContainers(oneOffs), signal);
}

/**
 * True if the stack's files are this migration's: always on a source. On a target, if this migration put them there,
 * and `deploy` may have used them or they are unchanged. After a rollback, somebody else may have started the stack
 * from them.
 */
async function ownsFiles(entry: LedgerEntry, engine: Engine) {
  if (entry.role === 'source') return isLeased(entry);
  const { migration_id, deployment, deployed, created } = entry;
  const directory = deployment?.target_dir;
  if (!directory || !created.paths.includes(directory)) return false;
  return deployed || (await engine.missing({ volumes: [], paths: [directory] }, migration_id)).length === 0;
}
