import { type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import { activeDrainStatuses } from '../../schema/drain.ts';
import { firstIdAt, timeOfId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { activeStatuses, terminalStatuses } from '../../schema/migration-status.ts';
import { sourceKept, windowEndsAt } from '../tables/migrations.ts';
import { quoted } from '../tables/quoted.ts';
import type { FleetCounts, NodeCount } from './counts.ts';

const { rowsMax, recentMs } = limits.observe;

/**
 * The queries of `countFleet`. Each reads what an index lists, and no more rows of a table that grows than `rowsMax`; the
 * test asks SQLite for its plans.
 */
export function countQueries(now: number): { sql: string; params: unknown[] }[] {
  const counted = (from: SQL) => sql`SELECT count(*) AS count FROM (SELECT 1 ${from} LIMIT ${rowsMax})`;
  const queries = [
    sql`SELECT status, count(*) AS count FROM migration WHERE status IN (${quoted(activeStatuses)}) GROUP BY status`,
    sql`SELECT status, count(*) AS count FROM migration WHERE status IN (${quoted(terminalStatuses)})
      AND id >= ${firstIdAt('mig', now - recentMs)} GROUP BY status`,
    counted(sql`FROM migration WHERE ${sourceKept} AND ${windowEndsAt} > ${now}`),
    counted(sql`FROM migration WHERE ${sourceKept} AND ${windowEndsAt} <= ${now}`),
    sql`SELECT kind, agent_version AS version, count(*) AS count,
        CASE WHEN joined_at IS NULL THEN 'pending' WHEN connected = 1 THEN 'online' ELSE 'offline' END AS status
      FROM node WHERE kind IN ('host', 'relay') AND deleted_at IS NULL GROUP BY kind, agent_version, status`,
    sql`SELECT status, count(*) AS count FROM drain WHERE status IN (${quoted(activeDrainStatuses)}) GROUP BY status`,
    sql`SELECT count(*) AS count, min(event_id) AS oldest FROM
      (SELECT event_id FROM webhook_delivery WHERE status = 'pending' AND next_attempt_at > 0 LIMIT ${rowsMax})`,
  ];
  const dialect = new SQLiteSyncDialect();
  return queries.map((query) => dialect.sqlToQuery(query));
}

/** One batch, so one round trip. */
export async function countFleet(db: D1Database, now: number): Promise<FleetCounts> {
  const statements = countQueries(now).map(({ sql, params }) => db.prepare(sql).bind(...params));
  const answers = await db.batch<Row>(statements);
  const [active, ended, open, due, nodes, drains, pending] = answers.map(({ results }) => results);
  const oldest = pending?.[0]?.oldest ?? null;
  const sizes = answers.map(({ meta }) => meta.size_after);
  return {
    migrations: [...(active ?? []), ...(ended ?? [])] as FleetCounts['migrations'],
    open_windows: open?.[0]?.count ?? 0,
    cleanups_due: due?.[0]?.count ?? 0,
    nodes: (nodes ?? []) as unknown as NodeCount[],
    drains: (drains ?? []) as FleetCounts['drains'],
    pending_deliveries: pending?.[0]?.count ?? 0,
    oldest_delivery_ms: oldest === null ? 0 : Math.max(0, now - timeOfId(oldest)),
    database_bytes: Math.max(...sizes),
  };
}

interface Row {
  count: number;
  status?: string;
  oldest?: string | null;
}

/** Throws if the database does not answer, or has no tables. */
export async function touchDatabase(db: D1Database): Promise<void> {
  await drizzle(db).get(sql`SELECT fleet_id FROM fleet WHERE id = 1`);
}
