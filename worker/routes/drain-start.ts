import type { DrainRequest } from '../../schema/api/drains.ts';
import type { DrainRun } from '../../schema/drain.ts';
import { eachOf } from '../../schema/each-of.ts';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { moveOptionsOf } from '../../schema/move-options.ts';
import { drainOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { isLeft, optionsOf } from '../saga/drain/stack-options.ts';
import { list } from '../saga/preflight/verdicts.ts';
import { cordon, uncordon } from '../store/cordon.ts';
import { activeDrainOf, incomingTo, openHosts, stacksOn } from '../store/drain-list.ts';
import { findNode, type NodeRow } from '../store/nodes.ts';

type Named = { id: string; name: string };

export async function hostToDrain(env: Env, id: string): Promise<NodeRow> {
  const row = await findNode(env.DB, 'host', id);
  if (!row) throw new Problem('not_found', 'There is no such host.');
  return row;
}

/** Throws if a host that is named as a target cannot take stacks. */
export async function checkTargets(env: Env, host: NodeRow, { target_host_id, per_stack }: DrainRequest) {
  const asked = [
    ['target_host_id', target_host_id],
    ...Object.entries(per_stack).map(([name, own]) => [`per_stack.${name}.target_host_id`, own.target_host_id]),
  ] as [where: string, id: string | undefined][];
  const named = new Map(asked.flatMap(([where, id]) => (id === undefined ? [] : [[id, where] as const])).toReversed());
  await eachOf([...named], limits.drain.looksAtOnceMax, async ([id, where]) => {
    if (id === host.id) throw new Problem('same_host', `${where}: that is the host to be emptied.`);
    const target = await findNode(env.DB, 'host', id);
    if (!target) throw new Problem('not_found', `${where}: there is no such host.`);
    if (target.cordoned_at !== null)
      throw new Problem('host_cordoned', `${where}: "${target.name}" is cordoned: no migration may target it.`);
  });
}

/** Returns the stacks to be moved, and those of the host that stay as asked. Throws if a named one is not there. */
export async function stacksToDrain(
  env: Env,
  host: NodeRow,
  request: DrainRequest,
): Promise<{ moving: Named[]; left: Named[] }> {
  const here = await stacksOn(env.DB, host.id);
  for (const [where, names] of [
    ['stacks', request.stacks ?? []],
    ['per_stack', Object.keys(request.per_stack)],
  ] as const) {
    const absent = names.filter((name) => !here.some((stack) => stack.name === name));
    if (absent.length > 0)
      throw new Problem('not_found', `${where}: "${host.name}" runs no stack named ${list(absent.map(quoted))}.`);
  }
  const asked = ({ name }: Named) => request.stacks?.includes(name) ?? true;
  const other = here.find((stack) => !asked(stack) && Object.hasOwn(request.per_stack, stack.name));
  if (other) throw new Problem('not_found', `per_stack: "${other.name}" is not among the stacks of this drain.`);
  const moves = (stack: Named) => asked(stack) && !isLeft(request, stack.name);
  return { moving: here.filter(moves), left: here.filter((stack) => !moves(stack)) };
}

const quoted = (name: string) => `"${name}"`;

/** Starts a drain and returns its id. Throws if it cannot start; the host is then unchanged. */
export async function startDrain(
  env: Env,
  host: NodeRow,
  stacks: Named[],
  request: DrainRequest,
  requestedBy: string,
): Promise<string> {
  const running = await activeDrainOf(env.DB, host.id);
  if (running) throw isDraining(host, running);
  const target = request.target_host_id ?? null;
  const only = stacks.map(({ name }) => optionsOf({ ...request, target }, name).target);
  if (stacks.length > 0 && (await openHosts(env.DB, host.id, only)).length === 0)
    throw new Problem('no_target', 'No other host is open to migrations: enrol one, or uncordon one.');
  await cordonIdle(env, host);
  const now = Date.now();
  const run: DrainRun = {
    id: newId('drain', now),
    host: host.id,
    status: 'running',
    target,
    mode: request.mode,
    pack: request.pack,
    ...moveOptionsOf(request),
    per_stack: request.per_stack,
    max_parallel: request.max_parallel,
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
 * A stack that is moving to this host would arrive unseen by the drain, for example when two hosts are drained into
 * each other. Cordons before it checks: a migration is recorded before its pre-flight checks the cordon, so none is
 * missed.
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
