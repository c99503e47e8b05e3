import { limits } from '../../schema/limits.ts';
import type { Engine } from '../engine/engine.ts';
import { leasedContainers, type MigrationLedger, ownsFiles } from '../migration-ledger.ts';
import { idsOf, runs, untilNoneRuns } from './container-states.ts';
import { addCreated } from './created-stack.ts';
import { oneOffsOf } from './data-users.ts';

/**
 * Stops what this migration started here: by the recorded ids, and by their origin what a crash kept from being
 * recorded, one-off runs of the stack among it. Nothing else of that project name (F47). Resolves only when none of it runs. `graceMsMax` is for a lease
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
  // Made by somebody from the stack's files, so a copy of it would go on.
  const oneOffs = await oneOffsOf(entry, engine);
  const running = (await engine.inspectContainers(oneOffs)).filter(runs);
  if (running.length === 0) return;
  await engine.stop(idsOf(running), signal, graceMsMax);
  await untilNoneRuns(() => engine.inspectContainers(oneOffs), signal);
}
