import type { RelayAddress } from '../../../schema/commands/parts.ts';
import { eachOf } from '../../../schema/each-of.ts';
import { variablesIn } from '../../../schema/environment.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import type { HostFacts } from '../../../schema/host-facts.ts';
import { limits } from '../../../schema/limits.ts';
import { presenceOf } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import type { Choice } from '../../saga/drain/advance.ts';
import type { Load, Room } from '../../saga/drain/plan.ts';
import { bounded } from '../../saga/drain/refusal.ts';
import type { Answered, PreflightFacts } from '../../saga/preflight/preflight-facts.ts';
import { openHosts, stacksOn } from '../../store/drain-list.ts';
import { findNodeEver, type NodeRow } from '../../store/nodes.ts';
import { connectedRelays } from '../../store/relays.ts';
import { promisedRooms, runningMigrations } from '../../store/stack-history.ts';
import { asking } from '../stack-migration/preflight.ts';

export type Named = { id: string; name: string };

/**
 * A stack to be moved: its planned host, if any, the only one that may take it, null for any, its variables, and what is
 * left out of it.
 */
export type Leaving = Named & { target?: string | null; only: string | null; env: string[]; exclude: string[] };

/** The host to be drained. */
export interface Here {
  row: Pick<NodeRow, 'id' | 'name' | 'seen_at'>;
  source: Answered<HostFacts>;
  relays: RelayAddress[];
  /** The stacks on it now. */
  stacks: Named[];
}

/** A possible target; `room` is null if it does not answer. */
export interface Target {
  row: NodeRow;
  facts: Answered<HostFacts>;
  reserved: PreflightFacts['reserved'];
  room: Room | null;
}

/** A stack with its usage, or with the reason why it cannot move to any host. */
export type AskedStack = Named & { facts: Answered<StackFacts> } & (
    | { load: Load; choice: null }
    | { load: null; choice: Choice }
  );

export async function lookHere(env: Env, host: string): Promise<Here> {
  const relays = await connectedRelays(env);
  const [row, source, stacks] = await Promise.all([
    findNodeEver(env.DB, host),
    asking(env)(host, 'probe', { relays, names: [] }),
    stacksOn(env.DB, host),
  ]);
  const home = row ?? { id: host, name: host, seen_at: null };
  return { row: source.ok ? home : await lastSeen(env, home), source, relays, stacks };
}

/** Its object knows better than the row. */
async function lastSeen<T extends Here['row']>(env: Env, row: T): Promise<T> {
  const { seen_at } = await presenceOf(env, row.id);
  return { ...row, seen_at: seen_at ?? row.seen_at };
}

export async function askTargets(env: Env, { row: home, relays }: Here, only: (string | null)[]): Promise<Target[]> {
  const [hosts, promised] = await Promise.all([openHosts(env.DB, home.id, only), promisedRooms(env.DB)]);
  return eachOf(hosts, limits.drain.looksAtOnceMax, async (row) => {
    const facts = await asking(env)(row.id, 'probe', { relays, names: [] });
    const reserved = promised.get(row.id) ?? { memory_bytes: 0, disk_bytes: 0 };
    if (!facts.ok) return { row: await lastSeen(env, row), facts, reserved, room: null };
    const { memory, disk } = facts.data.resources;
    const room = {
      id: row.id,
      name: row.name,
      memory_bytes: memory.free_bytes - reserved.memory_bytes,
      disk_bytes: disk.free_bytes - reserved.disk_bytes,
    };
    return { row, facts, reserved, room };
  });
}

export async function askStacks(env: Env, here: Here, stacks: Leaving[]): Promise<AskedStack[]> {
  const ids = stacks.map(({ id }) => id);
  const running = await runningMigrations(env.DB, ids, null);
  return eachOf(stacks, limits.drain.looksAtOnceMax, (stack) =>
    askStack(env, here, stack, running.get(stack.id) ?? null),
  );
}

async function askStack(
  env: Env,
  { row: home, source, stacks }: Here,
  { id, name, target = null, only, env: variables, exclude }: Leaving,
  running: string | null,
): Promise<AskedStack> {
  const without = (choice: Choice, why: string): AskedStack => ({
    id,
    name,
    facts: { ok: false, why, offline: false },
    load: null,
    choice,
  });
  if (!stacks.some((stack) => stack.id === id)) return without({ kind: 'gone', stack_id: id }, 'it is gone');
  if (running) {
    const message = `Migration ${running} of this stack is under way.`;
    return without({ kind: 'obstacle', stack_id: id, obstacle: { code: 'migration_running', message } }, message);
  }
  if (source.ok) {
    const facts = await asking(env)(home.id, 'inspect_stack', {
      project: name,
      environment: variablesIn(variables),
      exclude,
    });
    if (facts.ok)
      return { id, name, facts, load: { id, name, ...facts.data.usage, planned: target, only }, choice: null };
    const message = bounded(`It could not be read on "${home.name}": ${facts.why}`);
    if (!facts.offline)
      return without({ kind: 'obstacle', stack_id: id, obstacle: { code: 'preflight_failed', message } }, message);
  }
  const message = `"${home.name}" does not answer, so nothing can leave it.`;
  const kind = seenLately(home) ? 'unanswered' : 'obstacle';
  return without({ kind, stack_id: id, obstacle: { code: 'host_offline', message } }, message);
}

/** True if it may be back in a moment: a deploy of the control plane cuts every connection. */
export function seenLately({ seen_at }: Pick<NodeRow, 'seen_at'>): boolean {
  return seen_at !== null && Date.now() - seen_at < limits.drain.silenceMsMax;
}
