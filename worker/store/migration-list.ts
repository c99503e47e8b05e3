import { and, asc, desc, eq, gt, inArray, isNull, lt, lte, not, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { activeStatuses, type Status } from '../../schema/migration-status.ts';
import { migration, migrationEvent } from '../../schema/tables.ts';
import type { MigrationRow } from '../migration/ports.ts';

/** What is read of migrations for people; transitions are written by `migration-store.ts` alone. */

export interface MigrationFilter {
  stack?: string | undefined;
  host?: string | undefined;
  status?: Status | undefined;
  /** Completed, the window over, the source still kept. */
  cleanup_due?: boolean | undefined;
}

/** Newest first, one more than `limit` where there is more. */
export async function listMigrations(
  db: D1Database,
  { stack, host, status, cleanup_due }: MigrationFilter,
  before: string | null,
  limit: number,
  now: number,
): Promise<MigrationRow[]> {
  const wanted = and(
    stack === undefined ? undefined : eq(migration.stack_name, stack),
    host === undefined ? undefined : or(eq(migration.source_host_id, host), eq(migration.target_host_id, host)),
    status === undefined ? undefined : eq(migration.status, status),
    cleanup_due === undefined ? undefined : cleanup_due ? cleanupDue(now) : not(cleanupDue(now)),
    before === null ? undefined : lt(migration.id, before),
  );
  return drizzle(db)
    .select()
    .from(migration)
    .where(wanted)
    .orderBy(desc(migration.id))
    .limit(limit + 1)
    .all();
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

/** The newest `limit`, oldest of them first. */
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

/** Stacks with a migration that waits for something: active, or ended with something owed whose time has come. */
export async function stackIdsToWake(db: D1Database, now: number): Promise<string[]> {
  const due = lte(sql`json_extract(${migration.saga}, '$.deadline_at')`, now);
  const rows = await drizzle(db)
    .selectDistinct({ id: migration.stack_id })
    .from(migration)
    .where(or(inArray(migration.status, [...activeStatuses]), due))
    .all();
  return rows.map(({ id }) => id);
}

/** Whose reminder is due and was not given. */
export async function migrationsToRemind(db: D1Database, now: number) {
  return drizzle(db)
    .select({ id: migration.id, stack_id: migration.stack_id })
    .from(migration)
    .where(and(cleanupDue(now), isNull(ofWindow('reminded_at'))))
    .all();
}

const ofWindow = (field: string) => sql`json_extract(${migration.saga}, ${`$.window.${field}`})`;

/** Never NULL, so that it can be negated. */
const cleanupDue = (now: number) =>
  sql`(${migration.status} = 'completed' AND ${ofWindow('ends_at')} <= ${now} AND ${ofWindow('source_purge.done_at')} IS NULL)`;
