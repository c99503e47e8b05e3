import { StackferryError } from '../../schema/errors.ts';
import type { DataUser, Engine, StandbyPlaces } from '../engine/engine.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import { idsOf, namesOf, runs } from './container-states.ts';

/**
 * Containers that use a migration's data on this host, beside those of the stack's services: one-off runs of the stack
 * (`docker compose run`), and others' containers. At rest is what none of all these writes.
 */
export async function besideStack(entry: LedgerEntry, engine: Engine): Promise<DataUser[]> {
  const places = placesOf(entry);
  if (!places) return [];
  const [users, own] = await Promise.all([engine.dataUsers(places), engine.containers(entry.project)]);
  return users.filter(({ id }) => !own.some((container) => container.id === id));
}

/**
 * Ids of one-off runs, ended ones too: made from the stack's files, they keep its volumes from being deleted. None on a
 * target where the files are not this migration's.
 */
export async function oneOffsOf(entry: LedgerEntry, engine: Engine): Promise<string[]> {
  if (entry.role === 'target' && !entry.created.paths.includes(entry.deployment?.target_dir ?? '')) return [];
  return idsOf((await besideStack(entry, engine)).filter(({ of_stack }) => of_stack));
}

/** Throws `stack_running` where any of them runs, which names it and says what was not done. */
export async function assertNoneBeside(entry: LedgerEntry, engine: Engine, notDone: string): Promise<void> {
  const running = (await besideStack(entry, engine)).filter(runs);
  if (running.length === 0) return;
  throw new StackferryError(
    'stack_running',
    `Beside the stack's services this runs and can write its data: ${namesOf(running)}. Stop it first. ${notDone}`,
  );
}

/** Names of containers that came and went since the stop and could write the data. */
export async function cameAndWent(entry: LedgerEntry, engine: Engine): Promise<string[]> {
  const places = placesOf(entry);
  if (!places || entry.stopped_at_ms === null) return [];
  return (await engine.startedSince?.(places, entry.stopped_at_ms)) ?? [];
}

/** Null where nothing was prepared yet. */
function placesOf({ role, project, data, deployment, volumes }: LedgerEntry): StandbyPlaces | null {
  if (role === 'source') return data && { project, ...data };
  const own = volumes.filter(({ external }) => !external).map(({ name }) => name);
  return deployment && { project, directory: deployment.target_dir, volumes: own };
}
