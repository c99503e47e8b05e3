import { limits } from '../../schema/limits.ts';
import { connectionOf, drainOf, migrationsOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { revoke } from '../objects/host-connection/revoke.ts';
import { hostsWithOpenCommands } from '../store/commands.ts';
import { activeDrainIds } from '../store/drain-list.ts';
import { migrationsToRemind, stackIdsToWake } from '../store/migration-list.ts';
import { connectedNodes, revocationsOwed } from '../store/nodes.ts';

/** The result of a sweep. */
export interface Tally {
  done: number;
  failed: number;
  /** Error of the first failure. */
  error?: unknown;
}

/**
 * The platform drops an alarm after six failures; this restores it (F4). Waking a healthy object changes nothing, so
 * all are woken.
 */
export async function wakeMigrations(env: Env, now: number): Promise<Tally> {
  return each(await stackIdsToWake(env.DB, now), (id) => migrationsOf(env, id).wake());
}

/** Restores lost alarms of drains (F4); a healthy drain only checks once more. */
export async function wakeDrains(env: Env): Promise<Tally> {
  return each(await activeDrainIds(env.DB), (id) => drainOf(env, id).wake());
}

/**
 * Resends commands without an answer. A command is sent when it is recorded, and at each hello of its host; one lost in
 * between (the database was down at the hello, an object was reset) would wait for the next hello. Commands of a
 * terminal state have no alarm.
 */
export async function deliverOwed(env: Env): Promise<Tally> {
  return each(await hostsWithOpenCommands(env.DB), (id) => connectionOf(env, id).deliverOwed());
}

/**
 * Completes revocations of deleted nodes that failed at the deletion: a connection that could not be closed, or relays
 * that could not be notified.
 */
export async function revokeOwed(env: Env): Promise<Tally> {
  return each(await revocationsOwed(env.DB), ({ kind, id }) => revoke(env, kind, id));
}

/**
 * Nodes whose rows say that they are connected: one whose object lost its alarm, as after six failures (F4), would count so for
 * ever.
 */
export async function checkConnections(env: Env, now: number): Promise<Tally> {
  const nodes = await connectedNodes(env.DB, Math.floor(now / 3_600_000));
  return each(nodes, ({ id, seen_at }) => connectionOf(env, id).checkPresence(id, seen_at));
}

/** Reminds of closed windows whose source copy is still kept; the saga ensures that this happens once. */
export async function remindOfWindows(env: Env, now: number): Promise<Tally> {
  return each(await migrationsToRemind(env.DB, now), ({ id, stack_id }) => migrationsOf(env, stack_id).remind(id));
}

async function each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<Tally> {
  const tally: Tally = { done: 0, failed: 0 };
  for (let from = 0; from < items.length; from += limits.cron.atOnceMax) {
    const some = items.slice(from, from + limits.cron.atOnceMax);
    for (const outcome of await Promise.allSettled(some.map(async (item) => act(item))))
      if (outcome.status === 'fulfilled') tally.done += 1;
      else {
        tally.failed += 1;
        tally.error ??= outcome.reason;
      }
  }
  return tally;
}
