import { and, asc, desc, eq, getTableColumns, gt, gte, inArray, lt, not, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';
import { firstIdAt } from '../../schema/ids.ts';
import type { Status } from '../../schema/migration-status.ts';
import type { Report } from '../../schema/preflight-report.ts';
import type { MigrationRow } from '../saga/migration/ports.ts';
import { deadlineAt, isActive, migration, migrationEvent, sourceKept, windowEndsAt } from '../tables/migrations.ts';

/** Queries about migrations for the API and UI; only `migration-store.ts` writes transitions. */

export interface MigrationFilter {
  stack?: string | undefined;
  host?: string | undefined;
  status?: Status[] | undefined;
  drain?: string | undefined;
  /** RFC 3339. */
  created_after?: string | undefined;
  created_before?: string | undefined;
  /** A copy is still kept: on `host`, if that is given. */
  kept?: 'true' | undefined;
  /** Completed, window closed, source copy still kept. */
  cleanup_due?: boolean | undefined;
}

const { report, ...withoutReport } = getTableColumns(migration);

/**
 * Newest first. Returns `limit + 1` rows if there are more. Their reports are read only if asked for: one may have hundreds of
 * kilobytes.
 */
export async function listMigrations(
  db: D1Database,
  { stack, host, status, drain, created_after, created_before, kept, cleanup_due }: MigrationFilter,
  { before, limit, reports }: { before: string | null; limit: number; reports: boolean },
  now: number,
): Promise<MigrationRow[]> {
  const wanted = and(
    stack === undefined ? undefined : eq(migration.stack_name, stack),
    host === undefined ? undefined : or(eq(migration.source_host_id, host), eq(migration.target_host_id, host)),
    kept === undefined ? undefined : keepsCopy(host),
    status === undefined ? undefined : inArray(migration.status, status),
    drain === undefined ? undefined : eq(migration.drain_id, drain),
    created_after === undefined ? undefined : gte(migration.id, firstIdOf(created_after)),
    created_before === undefined ? undefined : lt(migration.id, firstIdOf(created_before)),
    cleanup_due === undefined ? undefined : cleanup_due ? cleanupDue(now) : not(cleanupDue(now)),
    before === null ? undefined : lt(migration.id, before),
  );
  return drizzle(db)
    .select({ ...withoutReport, report: reports ? report : sql<Report | null>`NULL` })
    .from(migration)
    .where(wanted)
    .orderBy(desc(migration.id))
    .limit(limit + 1)
    .all();
}

/** Ids begin with the time of their migration, so its index serves; no id is of a time before 1970. */
const firstIdOf = (time: string) => firstIdAt('mig', Math.max(0, Date.parse(time)));

export async function eventsAfter(db: D1Database, migrationId: string, after: number, limit: number) {
  return drizzle(db)
    .select()
    .from(migrationEvent)
    .where(and(eq(migrationEvent.migration_id, migrationId), gt(migrationEvent.id, after)))
    .orderBy(asc(migrationEvent.id))
    .limit(limit)
    .all();
}

/** The newest `limit` events, in chronological order. */
export async function newestEvents(db: D1Database, migrationId: string, limit: number) {
  const rows = await drizzle(db)
    .select()
    .from(migrationEvent)
    .where(eq(migrationEvent.migration_id, migrationId))
    .orderBy(desc(migrationEvent.id))
    .limit(limit)
    .all();
  return rows.reverse();
}

/** Stacks with a migration that is active, or terminal with a retry due. Two queries, each with an index of its own. */
export async function stackIdsToWake(db: D1Database, now: number): Promise<string[]> {
  const orm = drizzle(db);
  const stackIds = orm.select({ id: migration.stack_id }).from(migration);
  const due = orm
    .select({ id: migration.stack_id })
    .from(migration)
    .where(sql`${deadlineAt} IS NOT NULL AND ${deadlineAt} <= ${now}`);
  const rows = await stackIds.where(isActive).union(due).all();
  return rows.map(({ id }) => id);
}

/** Migrations whose reminder is due and was not sent. */
export async function migrationsToRemind(db: D1Database, now: number) {
  return drizzle(db)
    .select({ id: migration.id, stack_id: migration.stack_id })
    .from(migration)
    .where(and(cleanupDue(now), sql`json_extract(${migration.saga}, '$.window.reminded_at') IS NULL`))
    .all();
}

/** The source of a completed migration, or the target of one that was rolled back, was not deleted yet. */
function keepsCopy(host: string | undefined) {
  const on = (column: AnySQLiteColumn) => (host === undefined ? undefined : eq(column, host));
  const targetKept = sql`"status" = 'rolled_back' AND ("saga" ->> '$.window.target_purge.done_at') IS NULL`;
  return or(and(sourceKept, on(migration.source_host_id)), and(targetKept, on(migration.target_host_id)));
}

/** Never NULL, so it can be negated. */
const cleanupDue = (now: number) => sql`(${sourceKept} AND ${windowEndsAt} <= ${now})`;
