import { type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import { limits } from '../../schema/limits.ts';
import { ofFleet, settledSaga } from '../tables/migrations.ts';

/**
 * Deletes what nobody needs any more, oldest first and a bounded share per call (C10). What is not settled stays, however old, and
 * is in none of the indexes that are read here.
 */
const settled = sql`${settledSaga}
  AND NOT EXISTS (SELECT 1 FROM command WHERE migration_id = migration.id AND closed_at IS NULL)`;

const { migrationsPerRunMax, migrationsPerBatchMax, rowsPerRunMax } = limits.retention;

/**
 * Deletes the transitions, commands and events of migrations that have been settled since `before`. The newest transition
 * stays: it is the lock of the row. Returns how many migrations.
 */
export async function trimMigrations(db: D1Database, before: number): Promise<number> {
  const orm = drizzle(db);
  const whole = await orm.all<{ id: string }>(sql`
    SELECT id FROM migration INDEXED BY migration_to_trim
    WHERE trimmed = 0 AND updated_at <= ${before} AND ${settled}
    ORDER BY updated_at LIMIT ${migrationsPerRunMax}`);
  for (const ids of batchesOf(whole)) {
    const of = sql`migration_id IN (SELECT value FROM json_each(${ids}))`;
    await inOneBatch(db, [
      sql`DELETE FROM command WHERE ${of} AND closed_at IS NOT NULL`,
      sql`DELETE FROM migration_event WHERE ${of}`,
      sql`DELETE FROM transition WHERE ${of}
        AND version < (SELECT version FROM migration WHERE id = migration_id)`,
      sql`UPDATE migration SET trimmed = 1 WHERE id IN (SELECT value FROM json_each(${ids}))`,
    ]);
  }
  return whole.length;
}

/**
 * Deletes migrations that have been settled since `before`, with what is left of them and the endpoints of their callbacks.
 * Kept are those whose drain has not ended, whose callback is still to be called, and those that account for a stopped copy
 * on a host that joined again. Returns how many.
 */
export async function forgetMigrations(db: D1Database, before: number): Promise<number> {
  const orm = drizzle(db);
  const left = await orm.all<{ id: string }>(sql`
    SELECT DISTINCT value ->> 'migration_id' AS id FROM node, json_each(node.leftovers)
    WHERE kind = 'host' AND deleted_at IS NULL AND leftovers IS NOT NULL`);
  const forgettable = sql`${settled}
    AND id NOT IN (SELECT value FROM json_each(${JSON.stringify(left.map(({ id }) => id))}))
    AND (drain_id IS NULL OR NOT EXISTS (SELECT 1 FROM drain WHERE drain.id = drain_id AND drain.ended_at IS NULL))
    AND NOT EXISTS (SELECT 1 FROM webhook_endpoint AS callback JOIN webhook_delivery ON endpoint_id = callback.id
      WHERE callback.migration_id = migration.id AND webhook_delivery.status = 'pending')`;
  const old = await orm.all<{ id: string }>(sql`
    SELECT id FROM migration INDEXED BY migration_to_forget
    WHERE updated_at <= ${before} AND ${forgettable}
    ORDER BY updated_at LIMIT ${migrationsPerRunMax}`);
  for (const ids of batchesOf(old)) {
    const these = sql`(SELECT value FROM json_each(${ids}))`;
    const gone = sql`migration_id IN ${these} AND NOT EXISTS (SELECT 1 FROM migration WHERE id = migration_id)`;
    await inOneBatch(db, [
      sql`DELETE FROM migration WHERE id IN ${these} AND ${forgettable}`,
      sql`DELETE FROM command WHERE ${gone}`,
      sql`DELETE FROM migration_event WHERE ${gone}`,
      sql`DELETE FROM transition WHERE ${gone}`,
      sql`DELETE FROM webhook_endpoint WHERE ${gone}`,
    ]);
  }
  return old.length;
}

/** Deletes events of drains and hosts from before. Returns how many. */
export async function forgetFleetEvents(db: D1Database, before: number): Promise<number> {
  const { meta } = await drizzle(db).run(sql`DELETE FROM migration_event WHERE id IN (
    SELECT id FROM migration_event WHERE ${ofFleet} AND at <= ${before} ORDER BY at LIMIT ${rowsPerRunMax})`);
  return meta.changes;
}

/** Deletes drains that ended before, once none of their migrations is known. Returns how many. */
export async function forgetDrains(db: D1Database, before: number): Promise<number> {
  const orm = drizzle(db);
  const old = await orm.all<{ id: string }>(sql`
    SELECT id FROM drain WHERE ended_at IS NOT NULL AND ended_at <= ${before}
      AND NOT EXISTS (SELECT 1 FROM migration WHERE drain_id = drain.id)
    ORDER BY ended_at LIMIT ${rowsPerRunMax}`);
  for (const ids of batchesOf(old)) {
    const these = sql`(SELECT value FROM json_each(${ids}))`;
    await inOneBatch(db, [
      sql`DELETE FROM drain WHERE id IN ${these}`,
      sql`DELETE FROM drain_transition WHERE drain_id IN ${these}`,
    ]);
  }
  return old.length;
}

/**
 * Deletes stacks that their hosts stopped reporting before, or whose hosts were deleted before; and deleted hosts and relays
 * whose certificates have expired. What a migration, a drain or a stack refers to stays. Returns how many rows.
 */
export async function forgetStacksAndNodes(db: D1Database, before: number, now: number): Promise<number> {
  const unmoved = sql`NOT EXISTS (SELECT 1 FROM migration WHERE migration.stack_id = stack.id)`;
  const deleted = sql`SELECT id FROM node WHERE deleted_at IS NOT NULL AND deleted_at <= ${before}`;
  const outcomes = await inOneBatch(db, [
    sql`DELETE FROM stack WHERE id IN (SELECT id FROM stack
      WHERE gone_at IS NOT NULL AND gone_at <= ${before} AND ${unmoved} LIMIT ${rowsPerRunMax})`,
    sql`DELETE FROM stack WHERE id IN (SELECT id FROM stack
      WHERE home_id IN (${deleted}) AND ${unmoved} LIMIT ${rowsPerRunMax})`,
    sql`DELETE FROM node WHERE id IN (${deleted} AND revocation_owed = 0
      AND coalesce(certificate_ends_at, 0) <= ${now}
      AND NOT EXISTS (SELECT 1 FROM stack WHERE home_id = node.id)
      AND NOT EXISTS (SELECT 1 FROM drain WHERE host_id = node.id)
      AND NOT EXISTS (SELECT 1 FROM migration WHERE source_host_id = node.id)
      AND NOT EXISTS (SELECT 1 FROM migration WHERE target_host_id = node.id) LIMIT ${rowsPerRunMax})`,
  ]);
  return outcomes.reduce((sum, { meta }) => sum + meta.changes, 0);
}

/** Bytes of the whole database. */
export async function databaseBytes(db: D1Database): Promise<number> {
  const { meta } = await drizzle(db).run(sql`SELECT 1`);
  return meta.size_after;
}

/** drizzle's own batch takes no raw statements with parameters. */
async function inOneBatch(db: D1Database, statements: SQL[]): Promise<D1Result[]> {
  const dialect = new SQLiteSyncDialect();
  return db.batch(
    statements.map((statement) => {
      const { sql: text, params } = dialect.sqlToQuery(statement);
      return db.prepare(text).bind(...params);
    }),
  );
}

/** Ids as JSON, since D1 takes a hundred parameters. */
function* batchesOf(rows: { id: string }[]): Generator<string> {
  for (let from = 0; from < rows.length; from += migrationsPerBatchMax)
    yield JSON.stringify(rows.slice(from, from + migrationsPerBatchMax).map(({ id }) => id));
}
