import { and, asc, eq, gt, inArray, lte, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { eventTypes } from '../../schema/api/events.ts';
import { limits } from '../../schema/limits.ts';
import { drain } from '../tables/drains.ts';
import { migration, migrationEvent } from '../tables/migrations.ts';

export interface FeedFilter {
  type?: (typeof eventTypes)[number][] | undefined;
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

/** When the event was recorded, and of what; null if it is not kept. */
export async function findEvent(db: D1Database, id: number): Promise<{ at: number; subject_id: string } | null> {
  const { at, subject_id } = migrationEvent;
  return (
    (await drizzle(db).select({ at, subject_id }).from(migrationEvent).where(eq(migrationEvent.id, id)).get()) ?? null
  );
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
  const { id, subject_id, kind, at, data } = migrationEvent;
  const rows = await drizzle(db)
    .select({
      ...{ id, subject_id, kind, at, data },
      migration_id: migration.id,
      drain_id: sql<string | null>`coalesce(${drain.id}, ${migration.drain_id})`,
      drained_host_id: drain.host_id,
      stack_id: migration.stack_id,
      stack_name: migration.stack_name,
      source_host_id: migration.source_host_id,
      target_host_id: migration.target_host_id,
    })
    .from(migrationEvent)
    .leftJoin(migration, eq(migration.id, subject_id))
    .leftJoin(drain, eq(drain.id, subject_id))
    .where(
      and(
        gt(id, after),
        lte(id, until),
        type === undefined ? undefined : inArray(kind, type),
        stack === undefined ? undefined : eq(migration.stack_name, stack),
        host === undefined ? undefined : concerns(host),
      ),
    )
    .orderBy(asc(id))
    .limit(limit + 1)
    .all();
  const events = rows.slice(0, limit);
  const next = rows.length > limit ? (events.at(-1)?.id ?? until) : until;
  return { events, next, more: next < newest };
}

const concerns = (host: string) =>
  or(
    eq(migrationEvent.subject_id, host),
    eq(drain.host_id, host),
    eq(migration.source_host_id, host),
    eq(migration.target_host_id, host),
  );
