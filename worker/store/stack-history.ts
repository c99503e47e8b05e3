import { and, desc, eq, ne, or, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { isTerminal } from '../../schema/migration-status.ts';
import { owesArming } from '../saga/migration/safety-window.ts';
import type { Room } from '../saga/preflight/preflight-facts.ts';
import { isActive, migration } from '../tables/migrations.ts';

/** What earlier migrations mean for the next move, in one query for any number of stacks (C13). */

/** Each stack's active migration, or a terminal one whose restart policies are still pending, except `ownId`. */
export async function runningMigrations(
  db: D1Database,
  stackIds: string[],
  ownId: string | null,
): Promise<Map<string, string>> {
  const owing = sql`(json_array_length(${migration.saga}, '$.awaiting') > 0 OR json_array_length(${migration.saga}, '$.retry') > 0)`;
  const rows = await drizzle(db)
    .select({ id: migration.id, stack_id: migration.stack_id, status: migration.status, saga: migration.saga })
    .from(migration)
    .where(and(among(stackIds), or(isActive, owing), ownId ? ne(migration.id, ownId) : undefined))
    .all();
  const running = rows.filter(({ status, saga }) => !isTerminal(status) || owesArming(saga));
  return new Map(running.map(({ stack_id, id }) => [stack_id, id]));
}

/** A stopped copy of a stack that a migration keeps on a host. */
export interface KeptCopy {
  id: string;
  stack_id: string;
  host_id: string;
  side: 'source' | 'target';
}

const keptSide = sql<KeptCopy['side']>`CASE WHEN ${migration.status} = 'completed' THEN 'source' ELSE 'target' END`;
/** As `isPurged` says it, without the saga: the history of many stacks is too much to be read. */
const unpurged = sql`(${migration.saga} ->> ('$.window.' || ${keptSide} || '_purge.done_at')) IS NULL`;

/** Newest migration first. */
export async function keptCopies(db: D1Database, stackIds: string[]): Promise<KeptCopy[]> {
  const { id, stack_id, status, source_host_id, target_host_id } = migration;
  const host_id = sql<string>`CASE WHEN ${status} = 'completed' THEN ${source_host_id} ELSE ${target_host_id} END`;
  return drizzle(db)
    .select({ id, stack_id, host_id, side: keptSide })
    .from(migration)
    .where(and(among(stackIds), or(eq(status, 'completed'), eq(status, 'rolled_back')), unpurged))
    .orderBy(desc(id))
    .all();
}

/** Bytes that active migrations have reserved, by target. */
export async function promisedRooms(db: D1Database): Promise<Map<string, Room>> {
  const sum = (key: keyof Room) =>
    sql<number>`coalesce(sum(json_extract(${migration.report}, ${`$.needs.${key}`})), 0)`;
  const rows = await drizzle(db)
    .select({
      host: migration.target_host_id,
      memory_bytes: sum('memory_bytes'),
      disk_bytes: sum('disk_bytes'),
    })
    .from(migration)
    .where(isActive)
    .groupBy(migration.target_host_id)
    .all();
  return new Map(rows.map(({ host, ...room }) => [host, room]));
}

/** D1 takes a hundred parameters, so the ids go as one. */
const among = (stackIds: string[]): SQL =>
  sql`${migration.stack_id} IN (SELECT value FROM json_each(${JSON.stringify(stackIds)}))`;
