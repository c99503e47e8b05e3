import { and, eq, ne, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { isTerminal } from '../../schema/migration-status.ts';
import type { Saga } from '../../schema/saga.ts';
import { log } from '../log.ts';
import type { CommitOutcome, InsertOutcome, MigrationRow, MigrationStore } from '../saga/migration/ports.ts';
import { homeAfter } from '../saga/migration/terminal.ts';
import type { MigrationEvent, Transition } from '../saga/migration/transition.ts';
import type { Preflight } from '../saga/preflight/preflight-facts.ts';
import { stack } from '../tables/fleet.ts';
import { command, deadlineAt, isActive, migration, migrationEvent, transition } from '../tables/migrations.ts';
import { migrationEvents, outboxStatements } from './outbox.ts';
import { type Condition, conditionFailed, guardRow, hostsExist, notAfter, roomLeft } from './transition-guard.ts';
import { callbackEndpoint } from './webhooks.ts';

/**
 * Migrations in D1. One transition is one batch, whose first statement is the guard: `transition (migration_id,
 * version)` is unique, so a stale writer aborts the whole batch, and a writer whose answer was lost finds its own
 * nonce. A batch after its `commit_by` aborts too.
 */
export function d1MigrationStore(db: D1Database, announce: Announce = () => undefined): MigrationStore {
  return {
    load: (id) => loadMigration(db, id),
    insert: (row) => insertMigration(db, row),
    commit: (row, next, cause, now, preflight) => commitTransition(db, announce, row, next, cause, now, preflight),
    activeOf: (stackId) => activeMigrationOf(db, stackId),
    waitingOf: (stackId) => waitingMigrationsOf(db, stackId),
    homeOf: (stackId) => homeOf(db, stackId),
  };
}

/** Called with the committed webhook events, to send them at once; the sweep finds them too. */
type Announce = (eventIds: string[]) => void;

/** Written outside of transitions, which do not depend on it. */
export async function setBandwidthLimit(db: D1Database, id: string, bandwidth_limit: number | null): Promise<void> {
  await drizzle(db).update(migration).set({ bandwidth_limit }).where(eq(migration.id, id));
}

export async function loadMigration(db: D1Database, id: string): Promise<MigrationRow | null> {
  return (await drizzle(db).select().from(migration).where(eq(migration.id, id)).get()) ?? null;
}

async function activeMigrationOf(db: D1Database, stackId: string): Promise<MigrationRow | null> {
  const active = and(eq(migration.stack_id, stackId), isActive);
  return (await drizzle(db).select().from(migration).where(active).get()) ?? null;
}

/** The stack's migrations that wait for something: active ones, and terminal ones with a retry due. */
async function waitingMigrationsOf(db: D1Database, stackId: string): Promise<MigrationRow[]> {
  const waits = sql`(${isActive} OR ${deadlineAt} IS NOT NULL)`;
  return drizzle(db)
    .select()
    .from(migration)
    .where(and(eq(migration.stack_id, stackId), waits))
    .all();
}

async function homeOf(db: D1Database, stackId: string): Promise<string | null> {
  const row = await drizzle(db).select({ home: stack.home_id }).from(stack).where(eq(stack.id, stackId)).get();
  return row?.home ?? null;
}

/** The first transition. If the answer is lost, the existing row shows that it was written. */
async function insertMigration(
  db: D1Database,
  row: Omit<MigrationRow, 'version' | 'updated_at'>,
): Promise<InsertOutcome> {
  const orm = drizzle(db);
  const first = guard(row.id, 1, crypto.randomUUID(), 'start', row.status, row.status, row.created_at);
  const condition = hostsExist([row.source_host_id, row.target_host_id]);
  try {
    await orm.batch([
      orm.insert(transition).values(guardRow(first, condition)),
      orm.insert(migration).values({ ...row, version: 1, updated_at: row.created_at }),
      orm.insert(migrationEvent).values(eventRow(row.id, row.created_at, { kind: 'status', data: { to: row.status } })),
      ...callbackEndpoint(db, row),
    ]);
    return 'inserted';
  } catch (error) {
    if (conditionFailed(error)) return condition.otherwise;
    const active = await activeMigrationOf(db, row.stack_id);
    if (active) return active.id === row.id ? 'inserted' : 'busy';
    if (await loadMigration(db, row.id)) return 'inserted';
    throw error;
  }
}

/** Commits the result of `advance()`. `stale` after losing the optimistic-lock race: load and advance again. */
async function commitTransition(
  db: D1Database,
  announce: Announce,
  row: MigrationRow,
  next: Transition,
  cause: string,
  now: number,
  preflight: Preflight | null,
): Promise<CommitOutcome> {
  const orm = drizzle(db);
  const version = row.version + 1;
  const nonce = crypto.randomUUID();
  const { saga } = next;
  const changed = {
    status: saga.status,
    version,
    saga,
    failure: saga.failure,
    updated_at: now,
    ...(preflight ? { report: preflight.report } : {}),
    ended_at: !isTerminal(saga.status) ? null : isTerminal(row.status) ? row.ended_at : now,
  };
  const webhooks = await migrationEvents(db, row.status, { ...row, ...changed }, next);
  const condition = conditionOf(row, next, preflight);
  const batch = [
    orm
      .insert(transition)
      .values(guardRow(guard(row.id, version, nonce, cause, row.status, saga.status, now), condition)),
    orm.update(migration).set(changed).where(eq(migration.id, row.id)),
    ...next.events.map((event) => orm.insert(migrationEvent).values(eventRow(row.id, now, event))),
    ...next.closed.map((id) => orm.update(command).set({ closed_at: now }).where(eq(command.id, id))),
    ...next.commands.map(({ id, host, epoch, kind, payload }) =>
      orm.insert(command).values({ id, migration_id: row.id, host_id: host, epoch, kind, payload, created_at: now }),
    ),
    ...moveHome(db, row, homeAfter(row.status, saga)),
    ...webhooks.flatMap((event) => outboxStatements(db, event)),
  ] as const;
  const committed = (): CommitOutcome => {
    logTransition(row, saga, cause);
    if (webhooks.length > 0) announce(webhooks.map(({ id }) => id));
    return 'committed';
  };
  try {
    await orm.batch(batch as unknown as Parameters<typeof orm.batch>[0]);
    return committed();
  } catch (error) {
    if (condition && conditionFailed(error)) return condition.otherwise;
    const winner = await orm
      .select({ nonce: transition.nonce })
      .from(transition)
      .where(and(eq(transition.migration_id, row.id), eq(transition.version, version)))
      .get();
    if (winner) return winner.nonce === nonce ? committed() : 'stale';
    const active =
      isTerminal(row.status) && !isTerminal(saga.status) ? await activeMigrationOf(db, row.stack_id) : null;
    if (active) return 'busy';
    throw error;
  }
}

/** Conditions of the commit beyond the row's version. */
function conditionOf(
  row: MigrationRow,
  { saga, commit_by }: Transition,
  preflight: Preflight | null,
): Condition<'late' | 'host_deleted' | 'no_room'> | null {
  if (commit_by !== null) return notAfter(commit_by);
  if (isTerminal(saga.status)) return null;
  if (preflight?.spare) return roomLeft(row.target_host_id, row.id, preflight.spare);
  return isTerminal(row.status) ? hostsExist([row.source_host_id, row.target_host_id]) : null;
}

/**
 * Moves the stack to its new home, and deletes the row that the home's inventory created meanwhile for this same copy.
 */
function moveHome(db: D1Database, row: MigrationRow, home: string | null) {
  if (!home) return [];
  const orm = drizzle(db);
  return [
    orm.delete(stack).where(and(eq(stack.name, row.stack_name), eq(stack.home_id, home), ne(stack.id, row.stack_id))),
    orm.update(stack).set({ home_id: home, gone_at: null }).where(eq(stack.id, row.stack_id)),
  ];
}

function guard(
  migration_id: string,
  version: number,
  nonce: string,
  event: string,
  from_status: string,
  to_status: string,
  at: number,
) {
  return { migration_id, version, nonce, event, from_status, to_status, at };
}

function logTransition(row: MigrationRow, { id, status, epoch, trace_id }: Saga, cause: string): void {
  const { source_host_id, target_host_id, stack_id, drain_id, version } = row;
  const ids = { migration_id: id, stack_id, source_host_id, target_host_id, drain_id, trace_id };
  log.info('migration', { ...ids, cause, from: row.status, to: status, version: version + 1, epoch });
}

function eventRow(subject_id: string, at: number, { kind, data }: MigrationEvent) {
  return { subject_id, kind, at, data };
}
