import { and, eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { type DrainRun, hasEnded } from '../../schema/drain.ts';
import { announced, drainData } from '../saga/drain/announcements.ts';
import type { DrainRow, DrainStore } from '../saga/drain/ports.ts';
import { whyNot } from '../saga/drain/refusal.ts';
import type { MigrationSeen } from '../saga/drain/settle.ts';
import { drain, drainTransition } from '../tables/drains.ts';
import { migration } from '../tables/migrations.ts';
import { cordonStatement } from './cordon.ts';
import { activeDrainOf, hostNames } from './drain-list.ts';
import { drainStatusEvent } from './fleet-events.ts';
import { drainEvent, outboxStatements } from './outbox.ts';

/** Drains in D1, like `migration-store.ts`: one transition is one batch, whose first statement is the guard. */
export function d1DrainStore(db: D1Database, announce: (eventIds: string[]) => void = () => undefined): DrainStore {
  return {
    load: (id) => loadDrain(db, id),
    insert: (run, requestedBy, now) => insertDrain(db, run, requestedBy, now),
    commit: (row, run, cause, now) => commitDrain(db, announce, row, run, cause, now),
    migrationsOf: (id) => migrationsOf(db, id),
  };
}

export async function loadDrain(db: D1Database, id: string): Promise<DrainRow | null> {
  return (await drizzle(db).select().from(drain).where(eq(drain.id, id)).get()) ?? null;
}

async function insertDrain(db: D1Database, run: DrainRun, requested_by: string, now: number) {
  const orm = drizzle(db);
  const { id, host, status } = run;
  try {
    await orm.batch([
      orm
        .insert(drain)
        .values({ id, host_id: host, status, version: 1, run, requested_by, created_at: now, updated_at: now }),
      orm.insert(drainTransition).values({ drain_id: id, version: 1, nonce: '', event: 'start', at: now }),
      drainStatusEvent(db, id, now, { to: status }),
      // Again, in case the host was uncordoned in between.
      cordonStatement(db, host, now),
    ]);
    return 'inserted';
  } catch (error) {
    // The insert succeeded, but its answer was lost.
    if (await loadDrain(db, id)) return 'inserted';
    if (await activeDrainOf(db, host)) return 'busy';
    throw error;
  }
}

async function commitDrain(
  db: D1Database,
  announce: (eventIds: string[]) => void,
  row: DrainRow,
  run: DrainRun,
  event: string,
  now: number,
): Promise<'committed' | 'stale'> {
  const orm = drizzle(db);
  const version = row.version + 1;
  const nonce = crypto.randomUUID();
  const ended_at = hasEnded(run.status) ? now : null;
  const next = { ...row, status: run.status, version, run, updated_at: now, ended_at };
  const type = announced[run.status];
  const webhook = type ? drainEvent(type, drainData(next, await hostNames(db)), now) : null;
  const committed = (): 'committed' => {
    if (webhook) announce([webhook.id]);
    return 'committed';
  };
  try {
    await orm.batch([
      orm.insert(drainTransition).values({ drain_id: row.id, version, nonce, event, at: now }),
      orm.update(drain).set(next).where(eq(drain.id, row.id)),
      ...(run.status === row.status ? [] : [drainStatusEvent(db, row.id, now, { from: row.status, to: run.status })]),
      ...(webhook ? outboxStatements(db, webhook) : []),
    ]);
    return committed();
  } catch (error) {
    const winner = await orm
      .select({ nonce: drainTransition.nonce })
      .from(drainTransition)
      .where(and(eq(drainTransition.drain_id, row.id), eq(drainTransition.version, version)))
      .get();
    if (winner) return winner.nonce === nonce ? committed() : 'stale';
    throw error;
  }
}

/**
 * Selects only what a drain needs: a drain may have hundreds of stacks and polls every few seconds, and sagas and
 * reports are long.
 */
async function migrationsOf(db: D1Database, drainId: string): Promise<MigrationSeen[]> {
  const ofSaga = (path: string) => sql`json_extract(${migration.saga}, ${`$.${path}`})`;
  const rows = await drizzle(db)
    .select({
      id: migration.id,
      stack_id: migration.stack_id,
      status: migration.status,
      cancel_requested: ofSaga('cancel_requested').mapWith(Boolean),
      failure: ofSaga('failure').mapWith(migration.failure),
      attention: sql<string | null>`${ofSaga('attention.why')}`,
      refusal: sql`CASE WHEN ${ofSaga('failure.step')} = 'preflight' THEN ${migration.report} END`.mapWith(
        migration.report,
      ),
    })
    .from(migration)
    .where(eq(migration.drain_id, drainId))
    .all();
  return rows.map(({ failure, attention, refusal, ...row }) => {
    // A failed pre-flight by its findings, any other failure by its message.
    const found = refusal && whyNot(refusal);
    if (found) {
      const { anywhere: _, ...why } = found;
      return { ...row, why };
    }
    if (attention !== null) return { ...row, why: { code: 'needs_attention', message: attention } };
    return { ...row, why: failure && { code: failure.code, message: failure.message } };
  });
}
