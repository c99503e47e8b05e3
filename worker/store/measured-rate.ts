import { and, desc, eq, inArray } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { limits } from '../../schema/limits.ts';
import type { Saga } from '../../schema/saga.ts';
import { migration } from '../tables/migrations.ts';

/**
 * Volume bytes per second of the newest migration between these hosts, in either direction; null if none was large
 * enough.
 */
export async function measuredRate(db: D1Database, hosts: [string, string]): Promise<number | null> {
  const rows = await drizzle(db)
    .select({ saga: migration.saga, limit: migration.bandwidth_limit })
    .from(migration)
    .where(
      and(
        inArray(migration.source_host_id, hosts),
        inArray(migration.target_host_id, hosts),
        eq(migration.mode, 'stop-copy'),
        inArray(migration.status, ['completed', 'rolled_back']),
      ),
    )
    .orderBy(desc(migration.id))
    .limit(limits.plan.ratesLookedAtMax)
    .all();
  for (const { saga, limit } of rows) {
    const rate = limit === null ? rateOf(saga) : null;
    if (rate !== null) return rate;
  }
  return null;
}

/**
 * Seconds that this stack took in its latest move to stop, and to be created, started and verified on the target; null before
 * the first.
 */
export async function measuredStopStart(db: D1Database, stackId: string): Promise<number | null> {
  const row = await drizzle(db)
    .select({ saga: migration.saga })
    .from(migration)
    .where(and(eq(migration.stack_id, stackId), inArray(migration.status, ['completed', 'rolled_back'])))
    .orderBy(desc(migration.id))
    .limit(1)
    .get();
  if (!row) return null;
  const { stopping, deploying, verifying } = row.saga.steps;
  const spans = [stopping, deploying, verifying].map((clock) =>
    clock?.ended_at ? clock.ended_at - clock.started_at : Number.NaN,
  );
  const ms = spans.reduce((sum, span) => sum + span, 0);
  return Number.isNaN(ms) ? null : Math.max(1, Math.ceil(ms / 1000));
}

/** Includes the verification of the received data, which is downtime too. */
function rateOf({ results, steps }: Saga): number | null {
  const bytes = (results.send_volumes?.proofs ?? []).reduce((sum, proof) => sum + proof.bytes, 0);
  const clock = steps.transferring;
  if (!clock?.ended_at || bytes < limits.plan.measuredBytesMin) return null;
  return Math.round((bytes * 1000) / Math.max(1, clock.ended_at - clock.started_at));
}
