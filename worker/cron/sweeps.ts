import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { revoke } from '../hosts/revoke.ts';
import { connectionOf, drainOf, migrationsOf } from '../hosts/stubs.ts';
import { hostsWithOpenCommands } from '../store/commands.ts';
import { activeDrainIds } from '../store/drain-list.ts';
import { migrationsToRemind, stackIdsToWake } from '../store/migration-list.ts';
import { revocationsOwed } from '../store/nodes.ts';

/** What came of a sweep over many. */
export interface Tally {
  done: number;
  failed: number;
  /** Of the first that failed. */
  error?: unknown;
}

/**
 * The platform gives an alarm up after six failures; this brings it back (F4). Waking an object that is well changes
 * nothing, so there is no need to find out which are not.
 */
export async function wakeMigrations(env: Env, now: number): Promise<Tally> {
  return each(await stackIdsToWake(env.DB, now), (id) => migrationsOf(env, id).wake());
}

/** As above, for drains: one that is well only looks once more. */
export async function wakeDrains(env: Env): Promise<Tally> {
  return each(await activeDrainIds(env.DB), (id) => drainOf(env, id).wake());
}

/**
 * A command is sent when it was recorded, and again whenever its host says hello; what got lost in between (the database
 * was down at the hello, an object was reset) would wait for the next hello. What a terminal state owes has no alarm.
 */
export async function deliverOwed(env: Env): Promise<Tally> {
  return each(await hostsWithOpenCommands(env.DB), (id) => connectionOf(env, id).deliverOwed());
}

/** Deleted nodes whose connection could not be closed, or who the relays could not be told of, at the deletion. */
export async function revokeOwed(env: Env): Promise<Tally> {
  return each(await revocationsOwed(env.DB), ({ kind, id }) => revoke(env, kind, id));
}

/** Once for each migration whose window has passed while its source is still kept; the saga sees to the once. */
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
