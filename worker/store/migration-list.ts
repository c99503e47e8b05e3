import { and, asc, desc, eq, gt, inArray, lt, lte, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { activeStatuses, type Status } from '../../schema/migration-status.ts';
import { migration, migrationEvent } from '../../schema/tables.ts';
import type { MigrationRow } from './migration-store.ts';

/** What is read of migrations for people; transitions are written by `migration-store.ts` alone. */

export interface MigrationFilter {
  stack?: string | undefined;
  host?: string | undefined;
  status?: Status | undefined;
}

/** Newest first, one more than `limit` where there is more. */
export async function listMigrations(
  db: D1Database,
  { stack, host, status }: MigrationFilter,
  before: string | null,
  limit: number,
): Promise<MigrationRow[]> {
  const wanted = and(
    stack === undefined ? undefined : eq(migration.stack_name, stack),
    host === undefined ? undefined : or(eq(migration.source_host_id, host), eq(migration.target_host_id, host)),
    status === undefined ? undefined : eq(migration.status, status),
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
