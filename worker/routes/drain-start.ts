import type { DrainRun } from '../../schema/drain.ts';
import type { DrainRequest } from '../../schema/drain-api.ts';
import { newId } from '../../schema/ids.ts';
import type { Env } from '../env.ts';
import { drainOf } from '../hosts/stubs.ts';
import { cordon, uncordon } from '../store/cordon.ts';
import { activeDrainOf, incomingTo, openHosts, stacksOn } from '../store/drain-list.ts';
import { findNode, type NodeRow } from '../store/nodes.ts';
import { Problem } from './problem.ts';

type Named = { id: string; name: string };

export async function hostToDrain(env: Env, id: string): Promise<NodeRow> {
  const row = await findNode(env.DB, 'host', id);
  if (!row) throw new Problem('not_found', 'There is no such host.');
  return row;
}

/** Null for any host. Throws where the one that was named can take nothing. */
export async function targetOfDrain(env: Env, host: NodeRow, id: string | undefined): Promise<string | null> {
  if (id === undefined) return null;
  if (id === host.id) throw new Problem('same_host', 'target_host_id: that is the host to be emptied.');
  const target = await findNode(env.DB, 'host', id);
  if (!target) throw new Problem('not_found', 'target_host_id: there is no such host.');
  if (target.cordoned_at !== null)
    throw new Problem('host_cordoned', `target_host_id: "${target.name}" is cordoned: no migration may target it.`);
  return id;
}

/** Those of these names, or all that live there. */
export async function stacksToDrain(env: Env, host: NodeRow, names: string[] | undefined): Promise<Named[]> {
  const here = await stacksOn(env.DB, host.id);
  const absent = names?.find((name) => !here.some((stack) => stack.name === name));
  if (absent !== undefined) throw new Problem('not_found', `stacks: "${host.name}" runs no stack named "${absent}".`);
  return names ? here.filter(({ name }) => names.includes(name)) : here;
}

/** Returns the drain's id. Throws what keeps it from beginning; the host is then as it was. */
export async function startDrain(
  env: Env,
  host: NodeRow,
  target: string | null,
  stacks: Named[],
  { mode, accept_unmoved, max_parallel }: DrainRequest,
  requestedBy: string,
): Promise<string> {
  const running = await activeDrainOf(env.DB, host.id);
  if (running) throw isDraining(host, running);
  if (stacks.length > 0 && (await openHosts(env.DB, host.id, target)).length === 0)
    throw new Problem('no_target', 'No other host is open to migrations: enrol one, or uncordon one.');
  await cordonIdle(env, host);
  const now = Date.now();
  const run: DrainRun = {
    id: newId('drain', now),
    host: host.id,
    status: 'running',
    target,
    mode,
    accept_unmoved,
    max_parallel,
    planned: false,
    stacks: stacks.map(({ id, name }) => ({
      ...{ id, name, status: 'waiting', since: now },
      ...{ target: null, fit: null, migration_id: null, stuck_since: null, obstacle: null },
    })),
    silent_since: null,
    retry_at: 0,
    cancel_running: false,
  };
  if ((await drainOf(env, run.id).start(run, requestedBy)) === 'busy')
    throw isDraining(host, await activeDrainOf(env.DB, host.id));
  return run.id;
}

/**
 * A stack that is on its way here would arrive behind the drain's back, as where two hosts are drained into each other.
 * Cordoned before it is looked: a migration is recorded before its pre-flight asks for the cordon, so none slips through.
 */
async function cordonIdle(env: Env, host: NodeRow): Promise<void> {
  await cordon(env.DB, host.id, Date.now());
  const [incoming] = await incomingTo(env.DB, host.id);
  if (incoming === undefined) return;
  if (host.cordoned_at === null) await uncordon(env.DB, host.id);
  throw new Problem('host_busy', `Migration ${incoming} is on its way to "${host.name}"; wait for it, or cancel it.`, {
    migration_id: incoming,
  });
}

const isDraining = ({ name }: NodeRow, drainId: string | null) =>
  new Problem('drain_running', `"${name}" is being drained already.`, drainId ? { drain_id: drainId } : {});
