import { and, asc, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { stackSorts } from '../../schema/api/stacks.ts';
import type { Status } from '../../schema/migration-status.ts';
import { node, stack } from '../tables/fleet.ts';
import { isActive, migration } from '../tables/migrations.ts';
import { beyond, type Order, orderBy, type Paging, sortKey } from './sorted.ts';

export type StackRow = typeof stack.$inferSelect;
/** A stack with the data its view needs. */
export type ListedStack = {
  stack: StackRow;
  host_name: string;
  host_connected: boolean;
  host_seen_at: number | null;
  active_migration_id: string | null;
  active_migration_status: Status | null;
  /** Its latest completed migration. */
  moved_id: string | null;
  /** What moves of it, without images, as the latest pre-flight of a migration measured it. */
  data_bytes: number | null;
};

const movedId = sql<string | null>`(SELECT max(m."id") FROM "migration" AS m
  WHERE m."stack_id" = ${stack.id} AND m."status" = 'completed')`;
const dataBytes = sql<number | null>`(SELECT
  (SELECT sum(value ->> 'size_bytes') FROM json_each(m."report", '$.plan.items') WHERE value ->> 'kind' <> 'image')
  FROM "migration" AS m WHERE m."stack_id" = ${stack.id} AND m."report" ->> '$.plan.total_bytes' IS NOT NULL
  ORDER BY m."id" DESC LIMIT 1)`;

const fields = {
  stack,
  host_name: node.name,
  host_connected: node.connected,
  host_seen_at: node.seen_at,
  active_migration_id: migration.id,
  active_migration_status: migration.status,
  moved_id: movedId,
  data_bytes: dataBytes,
};

/** Stacks whose home is still a host of the fleet. */
function listed(db: D1Database, order: Order) {
  return drizzle(db)
    .select({ ...fields, sort_key: sortKey(order) })
    .from(stack)
    .innerJoin(node, and(eq(node.id, stack.home_id), isNull(node.deleted_at)))
    .leftJoin(migration, and(eq(migration.stack_id, stack.id), isActive))
    .$dynamic();
}

export interface StackFilter {
  /** Part of its name or its host's. */
  search?: string | undefined;
  running?: 'true' | 'false' | undefined;
  /** Its home. */
  host?: string | undefined;
}

const columns: { [S in (typeof stackSorts)[number]]: Pick<Order, 'by' | 'numeric'> } = {
  name: { by: sql`${stack.name}` },
  host: { by: sql`${node.name}` },
  moved: { by: sql`coalesce(${movedId}, '')` },
  /** As it is shown: those of a connected host now. */
  reported: {
    by: sql`CASE WHEN ${node.connected} THEN 1e15 ELSE max(${stack.seen_at}, coalesce(${node.seen_at}, 0)) END`,
    numeric: true,
  },
};
export const stackOrder = (sort: (typeof stackSorts)[number], order: 'asc' | 'desc'): Order => ({
  ...columns[sort],
  id: stack.id,
  descending: order === 'desc',
});

/** Returns `limit + 1` rows if there are more. */
export async function listStacks(
  db: D1Database,
  { search, running, host }: StackFilter,
  { order, after, limit }: Paging,
): Promise<(ListedStack & { sort_key: string | number | null })[]> {
  const runs =
    running === undefined
      ? undefined
      : sql`json_extract(${stack.summary}, '$.running') = ${running === 'true' ? 1 : 0}`;
  const at = host === undefined ? undefined : eq(stack.home_id, host);
  return listed(db, order)
    .where(and(isNull(stack.gone_at), named(search), runs, at, beyond(order, after)))
    .orderBy(...orderBy(order))
    .limit(limit + 1)
    .all();
}

/** No LIKE: its wildcards may be part of a name. */
function named(search: string | undefined): SQL | undefined {
  if (search === undefined) return undefined;
  const text = search.toLowerCase();
  return sql`(instr(${stack.name}, ${text}) > 0 OR instr(${node.name}, ${text}) > 0)`;
}

/** Returns several stacks if several hosts run one of this name. */
export async function findStacks(db: D1Database, name: string): Promise<ListedStack[]> {
  return listed(db, stackOrder('name', 'asc'))
    .where(and(eq(stack.name, name), isNull(stack.gone_at)))
    .orderBy(asc(stack.id))
    .all();
}
