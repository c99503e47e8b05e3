import type { Env } from '../env.ts';
import { revokeOwed } from '../hosts/revoke.ts';
import { connectionOf, drainOf, migrationsOf } from '../hosts/stubs.ts';
import { log } from '../log.ts';
import { forgetOldAudit } from '../store/audit.ts';
import { hostsWithOpenCommands } from '../store/commands.ts';
import { forgetOldDeliveries } from '../store/deliveries.ts';
import { activeDrainIds } from '../store/drain-list.ts';
import { forgetOldKeys } from '../store/idempotency.ts';
import { migrationsToRemind, stackIdsToWake } from '../store/migration-list.ts';
import { forgetExpiredIds } from '../store/tokens.ts';
import { queueDue } from '../webhooks/dispatch.ts';

interface Schedule {
  name: string;
  everyMs: number;
  run: (env: Env, now: number) => Promise<void>;
}

/** How often the platform calls, as wrangler.toml says. */
const tickMs = 5 * 60_000;

const schedules: Schedule[] = [
  { name: 'repair sweep', everyMs: tickMs, run: wakeWaiting },
  { name: 'drains that are under way', everyMs: tickMs, run: wakeDrains },
  { name: 'owed commands', everyMs: tickMs, run: deliverOwed },
  { name: 'webhook deliveries that are due', everyMs: tickMs, run: queueDue },
  { name: 'owed revocations', everyMs: tickMs, run: revokeOwed },
  { name: 'window reminders', everyMs: 60 * 60_000, run: remindOfWindows },
  { name: 'expiry of one-time ids', everyMs: 60 * 60_000, run: (env, now) => forgetExpiredIds(env.DB, now) },
  { name: 'expiry of idempotency keys', everyMs: 60 * 60_000, run: (env, now) => forgetOldKeys(env.DB, now) },
  { name: 'expiry of the audit', everyMs: 60 * 60_000, run: (env, now) => forgetOldAudit(env.DB, now) },
  { name: 'expiry of webhook deliveries', everyMs: 60 * 60_000, run: (env, now) => forgetOldDeliveries(env.DB, now) },
];

/** Runs what is due in the tick that `now` falls in. One that fails keeps none of the others from running. */
export async function runSchedules(env: Env, now: number): Promise<void> {
  const due = schedules.filter(({ everyMs }) => Math.floor(now / tickMs) % (everyMs / tickMs) === 0);
  const outcomes = await Promise.allSettled(due.map(({ run }) => run(env, now)));
  for (const [index, outcome] of outcomes.entries())
    if (outcome.status === 'rejected') log.error('schedule failed', { name: due[index]?.name, error: outcome.reason });
}

/**
 * The platform gives an alarm up after six failures; this brings it back (F4). Waking an object that is well changes
 * nothing, so there is no need to find out which are not.
 */
async function wakeWaiting(env: Env, now: number): Promise<void> {
  const stacks = await stackIdsToWake(env.DB, now);
  const outcomes = await Promise.allSettled(stacks.map((id) => migrationsOf(env, id).wake()));
  const failed = outcomes.filter(({ status }) => status === 'rejected').length;
  if (failed > 0) throw new Error(`${failed} of ${stacks.length} stacks could not be woken`);
}

/** As above, for drains: one that is well only looks once more. */
async function wakeDrains(env: Env): Promise<void> {
  const drains = await activeDrainIds(env.DB);
  const outcomes = await Promise.allSettled(drains.map((id) => drainOf(env, id).wake()));
  const failed = outcomes.filter(({ status }) => status === 'rejected').length;
  if (failed > 0) throw new Error(`${failed} of ${drains.length} drains could not be woken`);
}

/**
 * A command is sent when it was recorded, and again whenever its host says hello; what got lost in between (the database
 * was down at the hello, an object was reset) would wait for the next hello. What a terminal state owes has no alarm.
 */
async function deliverOwed(env: Env): Promise<void> {
  const hosts = await hostsWithOpenCommands(env.DB);
  const outcomes = await Promise.allSettled(hosts.map((id) => connectionOf(env, id).deliverOwed()));
  const failed = outcomes.filter(({ status }) => status === 'rejected').length;
  if (failed > 0) throw new Error(`the commands of ${failed} of ${hosts.length} hosts could not be sent`);
}

/** Once for each migration whose window has passed while its source is still kept; the saga sees to the once. */
async function remindOfWindows(env: Env, now: number): Promise<void> {
  for (const { id, stack_id } of await migrationsToRemind(env.DB, now)) await migrationsOf(env, stack_id).remind(id);
}
