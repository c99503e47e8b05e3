import { and, asc, count, desc, eq, gt, inArray, lte, not, or, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';
import type { migrationSorts } from '../../schema/api/migrations.ts';
import { activeStatuses, type Status } from '../../schema/migration-status.ts';
import type { MigrationRow } from '../saga/migration/ports.ts';
import { migration, migrationEvent, sourceKept, windowEndsAt } from '../tables/migrations.ts';
import { beyond, type Order, orderBy, type Paging, sortKey } from './sorted.ts';

/** Queries about migrations for the API and UI; only `migration-store.ts` writes transitions. */

export interface MigrationFilter {
  /** Part of the name of the stack or of one of its hosts. */
  search?: string | undefined;
  stack?: string | undefined;
  host?: string | undefined;
  status?: Status | undefined;
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

/** Returns `limit + 1` rows if there are more. */
export async function listMigrations(
  db: D1Database,
  { search, stack, host, status, kept, cleanup_due }: MigrationFilter,
  { order, after, limit }: Paging,
  now: number,
): Promise<{ row: MigrationRow; sort_key: string | number | null }[]> {
  const wanted = and(
    named(search),
    stack === undefined ? undefined : eq(migration.stack_name, stack),
    host === undefined ? undefined : or(eq(migration.source_host_id, host), eq(migration.target_host_id, host)),
    kept === undefined ? undefined : keepsCopy(host),
    status === undefined ? undefined : eq(migration.status, status),
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
    .select({ row: migration, sort_key: sortKey(order) })
    .from(migration)
    .where(inArray(migration.id, page))
    .orderBy(...orderBy(order))
    .all();
}

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

/** Stacks with a migration that is active, or terminal with a retry due. */
export async function stackIdsToWake(db: D1Database, now: number): Promise<string[]> {
  const due = lte(sql`json_extract(${migration.saga}, '$.deadline_at')`, now);
  const rows = await drizzle(db)
    .selectDistinct({ id: migration.stack_id })
    .from(migration)
    .where(or(inArray(migration.status, [...activeStatuses]), due))
    .all();
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
