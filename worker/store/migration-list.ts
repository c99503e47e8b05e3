import { and, asc, count, desc, eq, getTableColumns, gt, gte, inArray, lt, not, or, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';
import type { migrationSorts } from '../../schema/api/migrations.ts';
import { firstIdAt } from '../../schema/ids.ts';
import type { Status } from '../../schema/migration-status.ts';
import type { Report } from '../../schema/preflight-report.ts';
import type { MigrationRow } from '../saga/migration/ports.ts';
import {
  deadlineAt,
  isActive,
  migration,
  migrationEvent,
  notReminded,
  sourceKept,
  windowEndsAt,
} from '../tables/migrations.ts';
import { beyond, type Order, orderBy, type Paging, sortKey } from './sorted.ts';

/** Queries about migrations for the API and UI; only `migration-store.ts` writes transitions. */

export interface MigrationFilter {
  /** Part of the name of the stack or of one of its hosts. */
  search?: string | undefined;
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

const columns: { [S in (typeof migrationSorts)[number]]: SQL | null } = {
  began: null,
  stack: sql`${migration.stack_name}`,
  state: sql`${migration.status}`,
};
export const migrationOrder = (sort: (typeof migrationSorts)[number], order: 'asc' | 'desc'): Order => ({
  by: columns[sort],
  id: migration.id,
  descending: order === 'desc',
});

const { report, ...withoutReport } = getTableColumns(migration);

/**
 * Returns `limit + 1` rows if there are more. Their reports are read only if asked for: one may have hundreds of kilobytes.
 */
export async function listMigrations(
  db: D1Database,
  { search, stack, host, status, drain, created_after, created_before, kept, cleanup_due }: MigrationFilter,
  { order, after, limit, reports }: Paging & { reports: boolean },
  now: number,
): Promise<{ row: MigrationRow; sort_key: string | number | null }[]> {
  const wanted = and(
    named(search),
    stack === undefined ? undefined : eq(migration.stack_name, stack),
    host === undefined ? undefined : or(eq(migration.source_host_id, host), eq(migration.target_host_id, host)),
    kept === undefined ? undefined : keepsCopy(host),
    status === undefined ? undefined : inArray(migration.status, status),
    drain === undefined ? undefined : eq(migration.drain_id, drain),
    created_after === undefined ? undefined : gte(migration.id, firstIdOf(created_after)),
    created_before === undefined ? undefined : lt(migration.id, firstIdOf(created_before)),
    cleanup_due === undefined ? undefined : cleanup_due ? cleanupDue(now) : not(cleanupDue(now)),
    beyond(order, after),
  );
  const orm = drizzle(db);
  // The ids first: a row takes tens of kilobytes, too many to be sorted by the thousand.
  const page = orm
    .select({ id: migration.id })
    .from(migration)
    .where(wanted)
    .orderBy(...orderBy(order))
    .limit(limit + 1);
  return orm
    .select({
      row: { ...withoutReport, report: reports ? report : sql<Report | null>`NULL` },
      sort_key: sortKey(order),
    })
    .from(migration)
    .where(inArray(migration.id, page))
    .orderBy(...orderBy(order))
    .all();
}

/** Ids begin with the time of their migration, so its index serves; no id is of a time before 1970. */
const firstIdOf = (time: string) => firstIdAt('mig', Math.max(0, Date.parse(time)));
/** No LIKE: its wildcards may be part of a name. */
function named(search: string | undefined): SQL | undefined {
  if (search === undefined) return undefined;
  const text = search.toLowerCase();
  const hosts = sql`(SELECT "id" FROM "node" WHERE instr("name", ${text}) > 0)`;
  return sql`(instr(${migration.stack_name}, ${text}) > 0 OR ${migration.source_host_id} IN ${hosts} OR ${migration.target_host_id} IN ${hosts})`;
}

/** Migrations that need a person, counted up to `most`. */
export async function countAttention(db: D1Database, most: number): Promise<number> {
  const orm = drizzle(db);
  const some = orm
    .select({ id: migration.id })
    .from(migration)
    .where(eq(migration.status, 'needs_attention'))
    .limit(most)
    .as('some');
  return (await orm.select({ many: count() }).from(some).get())?.many ?? 0;
}

export async function eventsAfter(db: D1Database, migrationId: string, after: number, limit: number) {
  return drizzle(db)
    .select()
    .from(migrationEvent)
    .where(and(eq(migrationEvent.subject_id, migrationId), gt(migrationEvent.id, after)))
    .orderBy(asc(migrationEvent.id))
    .limit(limit)
    .all();
}

/** The newest `limit` events, in chronological order. */
export async function newestEvents(db: D1Database, migrationId: string, limit: number) {
  const rows = await drizzle(db)
    .select()
    .from(migrationEvent)
    .where(eq(migrationEvent.subject_id, migrationId))
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

/** Migrations whose reminder is due and was not sent: their own index, since copies may be kept for years. */
export async function migrationsToRemind(db: D1Database, now: number) {
  return drizzle(db).all<{ id: string; stack_id: string }>(sql`
    SELECT id, stack_id FROM migration INDEXED BY migration_to_remind
    WHERE ${sourceKept} AND ${windowEndsAt} <= ${now} AND ${notReminded}`);
}

/** The source of a completed migration, or the target of one that was rolled back, was not deleted yet. */
function keepsCopy(host: string | undefined) {
  const on = (column: AnySQLiteColumn) => (host === undefined ? undefined : eq(column, host));
  const targetKept = sql`"status" = 'rolled_back' AND ("saga" ->> '$.window.target_purge.done_at') IS NULL`;
  return or(and(sourceKept, on(migration.source_host_id)), and(targetKept, on(migration.target_host_id)));
}

/** Never NULL, so it can be negated. */
const cleanupDue = (now: number) => sql`(${sourceKept} AND ${windowEndsAt} <= ${now})`;
