import { StackferryError } from '../../../schema/errors.ts';
import type { DataUser, Engine } from '../../engine/engine.ts';
import type { MigratedData } from '../../engine/tree.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import { idsOf, namesOf, runs } from './container-states.ts';

/**
 * Returns the containers on this host that use a migration's data but do not belong to the stack's services: one-off
 * runs of the stack (`docker compose run`) and containers of others. The data is at rest only if none of them writes
 * it.
 */
export async function besideStack(entry: LedgerEntry, engine: Engine): Promise<DataUser[]> {
  const data = dataOf(entry);
  if (!data) return [];
  const [users, own] = await Promise.all([engine.dataUsers(data), engine.containers(entry.project)]);
  return users.filter(({ id }) => !own.some((container) => container.id === id));
}

/**
 * Returns the ids of one-off runs, including exited ones: created from the stack's files, they keep its volumes from
 * being deleted. Empty on a target whose files are not this migration's.
 */
export async function oneOffsOf(entry: LedgerEntry, engine: Engine): Promise<string[]> {
  if (entry.role === 'target' && !entry.created.paths.includes(entry.deployment?.target_dir ?? '')) return [];
  return idsOf((await besideStack(entry, engine)).filter(({ of_stack }) => of_stack));
}

/** Throws `stack_running` if any of them runs; the message names it and ends with `notDone`. */
export async function assertNoneBeside(entry: LedgerEntry, engine: Engine, notDone: string): Promise<void> {
  const running = (await besideStack(entry, engine)).filter(runs);
  if (running.length === 0) return;
  throw new StackferryError(
    'stack_running',
    `Other containers run that can write the stack's data: ${namesOf(running)}. Stop them first. ${notDone}`,
  );
}

/** Returns the names of containers that started and disappeared since the stop and could have written the data. */
export async function cameAndWent(entry: LedgerEntry, engine: Engine): Promise<string[]> {
  const data = dataOf(entry);
  if (!data || entry.stopped_at_ms === null) return [];
  return (await engine.startedSince?.(data, entry.stopped_at_ms)) ?? [];
}

/** Null before `prepare_*` has run. */
function dataOf({ role, project, data, deployment, volumes, binds }: LedgerEntry): MigratedData | null {
  if (role === 'source') return data && { project, ...data };
  const own = volumes.filter(({ external }) => !external).map(({ name }) => name);
  return deployment && { project, directory: deployment.target_dir, volumes: own, binds };
}
