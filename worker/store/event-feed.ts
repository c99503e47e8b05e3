import { and, asc, eq, gt, inArray, lte, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { limits } from '../../schema/limits.ts';
import type { MigrationEvent } from '../saga/migration/transition.ts';
import { migration, migrationEvent } from '../tables/migrations.ts';

export interface FeedFilter {
  type?: MigrationEvent['kind'][] | undefined;
  stack?: string | undefined;
  host?: string | undefined;
}

/** Id of the newest event that was ever recorded, kept or not; 0 before the first. */
export async function newestEventId(db: D1Database): Promise<number> {
  const row = await drizzle(db).get<{ seq: number } | undefined>(
    sql`SELECT seq FROM sqlite_sequence WHERE name = 'migration_event'`,
  );
  return row?.seq ?? 0;
}

/** When the event was recorded; null if it is not kept. */
export async function timeOfEvent(db: D1Database, id: number): Promise<number | null> {
  const { at } = migrationEvent;
  const row = await drizzle(db).select({ at }).from(migrationEvent).where(eq(migrationEvent.id, id)).get();
  return row?.at ?? null;
}

/**
 * Events after `after` up to `newest`, in the order in which they were committed: D1 writes one batch after another, and an id
 * is never used twice. Looks at a bounded number of events; `next` is where the following call goes on.
 */
export async function eventsOfFleet(
  db: D1Database,
  { type, stack, host }: FeedFilter,
  { after, newest, limit }: { after: number; newest: number; limit: number },
) {
  const until = Math.min(newest, after + limits.api.feedScanRowsMax);
  const { id, kind, at, data } = migrationEvent;
  const rows = await drizzle(db)
    .select({
      ...{ id, kind, at, data },
      migration_id: migration.id,
      drain_id: migration.drain_id,
      stack_id: migration.stack_id,
      stack_name: migration.stack_name,
      source_host_id: migration.source_host_id,
      target_host_id: migration.target_host_id,
    })
    .from(migrationEvent)
    .innerJoin(migration, eq(migration.id, migrationEvent.migration_id))
    .where(
      and(
        gt(id, after),
        lte(id, until),
        type === undefined ? undefined : inArray(kind, type),
        stack === undefined ? undefined : eq(migration.stack_name, stack),
        host === undefined ? undefined : or(eq(migration.source_host_id, host), eq(migration.target_host_id, host)),
      ),
    )
    .orderBy(asc(id))
    .limit(limit + 1)
    .all();
  const events = rows.slice(0, limit);
  const next = rows.length > limit ? (events.at(-1)?.id ?? until) : until;
  return { events, next, more: next < newest };
}
