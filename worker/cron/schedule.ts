import { errorMessageOf } from '../../schema/errors.ts';
import type { Env } from '../env.ts';
import { log } from '../log.ts';
import { forgetOldAudit } from '../store/audit.ts';
import { forgetOldDeliveries } from '../store/deliveries.ts';
import { recordAbsences } from '../store/fleet-events.ts';
import { forgetOldKeys } from '../store/idempotency.ts';
import { forgetExpiredIds } from '../store/tokens.ts';
import { forgetExpiredSessions } from '../store/ui-sessions.ts';
import { queueDue } from '../webhooks/dispatch.ts';
import { upgradeOutdated } from './auto-update.ts';
import { forgetOld, watchSize } from './retention.ts';
import {
  checkConnections,
  deliverOwed,
  remindOfWindows,
  revokeOwed,
  type Tally,
  wakeDrains,
  wakeMigrations,
} from './sweeps.ts';

/**
 * Every schedule may run late, twice, or twice at once: each act is performed by the owner of its state (an object, a
 * guarded statement), which knows whether it was done before.
 */
interface Schedule {
  name: string;
  everyMs: number;
  /** Returns how much was done: a number if single items cannot fail. */
  run: (env: Env, now: number) => Promise<Tally | number>;
}

/** The interval of the cron trigger in wrangler.toml. */
const tickMs = 5 * 60_000;
const hourMs = 60 * 60_000;

const schedules: Schedule[] = [
  { name: 'migrations woken', everyMs: tickMs, run: wakeMigrations },
  { name: 'drains woken', everyMs: tickMs, run: wakeDrains },
  { name: 'hosts sent their owed commands', everyMs: tickMs, run: deliverOwed },
  { name: 'webhook deliveries queued', everyMs: tickMs, run: queueDue },
  { name: 'owed revocations', everyMs: tickMs, run: revokeOwed },
  { name: 'hosts upgraded', everyMs: tickMs, run: upgradeOutdated },
  { name: 'absences recorded', everyMs: tickMs, run: (env, now) => recordAbsences(env.DB, now) },
  { name: 'connections checked', everyMs: hourMs, run: checkConnections },
  { name: 'window reminders', everyMs: hourMs, run: remindOfWindows },
  { name: 'one-time ids expired', everyMs: hourMs, run: (env, now) => forgetExpiredIds(env.DB, now) },
  { name: 'sessions expired', everyMs: hourMs, run: (env, now) => forgetExpiredSessions(env.DB, now) },
  { name: 'idempotency keys expired', everyMs: hourMs, run: (env, now) => forgetOldKeys(env.DB, now) },
  { name: 'audit entries expired', everyMs: hourMs, run: (env, now) => forgetOldAudit(env.DB, now) },
  { name: 'old rows forgotten', everyMs: hourMs, run: forgetOld },
  { name: 'size warnings', everyMs: hourMs, run: watchSize },
  { name: 'webhook rows expired', everyMs: hourMs, run: (env, now) => forgetOldDeliveries(env.DB, now) },
];

/** Runs what is due in the tick of `now`, and logs one line. */
export async function runSchedules(env: Env, now: number): Promise<void> {
  const begun = Date.now();
  const due = schedules.filter(({ everyMs }) => Math.floor(now / tickMs) % (everyMs / tickMs) === 0);
  const lines = await Promise.all(due.map((schedule) => runOne(schedule, env, now)));
  log.info('cron', { scheduled_at: new Date(now).toISOString(), took_ms: Date.now() - begun, lines });
}

/** A failure does not affect the others; the schedule is retried when it is due next. */
async function runOne({ name, run }: Schedule, env: Env, now: number) {
  const begun = Date.now();
  const outcome = await run(env, now).catch((error: unknown): Tally => ({ done: 0, failed: 1, error }));
  const { done, failed, error } = typeof outcome === 'number' ? { done: outcome, failed: 0 } : outcome;
  if (failed > 0) log.error('schedule failed', { name, failed, error });
  return { name, done, failed, took_ms: Date.now() - begun, ...(failed > 0 ? { why: errorMessageOf(error) } : {}) };
}
