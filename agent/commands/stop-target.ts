import { limits } from '../../schema/limits.ts';
import type { Engine } from '../engine/engine.ts';
import type { MigrationLedger } from '../migration-ledger.ts';
import { idsOf, runs, untilNoneRuns } from './container-states.ts';
import type { CommandHandler } from './context.ts';
import { addCreated } from './deploy.ts';

/** Answered only when nothing that this migration made here runs: on the strength of it the source starts. */
export const stopTarget: CommandHandler<'stop_target'> = async (_payload, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  if (!ledger.find(migrationId)) return {};
  await stopCreated(migrationId, engine, ledger, signal);
  await ledger.amend(migrationId, (entry) => {
    entry.deployed = false;
    entry.started = false;
    entry.armed = false;
    entry.lease = null;
  });
  await lease.release(migrationId);
  return {};
};

/** Stops by the recorded ids, and by their origin what a crash kept from being recorded. Nothing else of that project name (F47). */
export async function stopCreated(
  migrationId: string,
  engine: Engine,
  ledger: MigrationLedger,
  signal: AbortSignal = AbortSignal.timeout(limits.step.restoringMsMax),
): Promise<void> {
  const entry = ledger.find(migrationId);
  if (!entry) return;
  // By the files that this migration put here, so only where it did, and only once `deploy` may have used them.
  if (entry.deployment && entry.deployed && entry.created.paths.includes(entry.deployment.target_dir)) {
    const found = await engine.findCreated(entry.deployment, migrationId);
    await ledger.amend(migrationId, (draft) => addCreated(draft, found));
  }
  const ids = ledger.find(migrationId)?.created.containers ?? [];
  const containers = await engine.inspectContainers(ids);
  await engine.disarm(idsOf(containers));
  await engine.stop(idsOf(containers.filter(runs)), signal);
  await untilNoneRuns(() => engine.inspectContainers(ids), signal);
}
