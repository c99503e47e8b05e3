import { and, asc, eq, gt, isNull, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { Status } from '../../schema/migration-status.ts';
import { node, stack } from '../tables/fleet.ts';
import { isActive, migration } from '../tables/migrations.ts';

export type StackRow = typeof stack.$inferSelect;
/** A stack with the data its view needs. */
export type ListedStack = {
  stack: StackRow;
  host_name: string;
  host_connected: boolean;
  host_seen_at: number | null;
  active_migration_id: string | null;
  active_migration_status: Status | null;
};

/** Stacks whose home is still a host of the fleet. */
function listed(db: D1Database) {
  return drizzle(db)
    .select({
      stack,
      host_name: node.name,
      host_connected: node.connected,
      host_seen_at: node.seen_at,
      active_migration_id: migration.id,
      active_migration_status: migration.status,
    })
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

/** By name, then id. Returns `limit + 1` rows if there are more. */
export async function listStacks(
  db: D1Database,
  { search, running, host }: StackFilter,
  after: string[] | null,
  limit: number,
): Promise<ListedStack[]> {
  const [name = '', id = ''] = after ?? [];
  const later = after ? or(gt(stack.name, name), and(eq(stack.name, name), gt(stack.id, id))) : undefined;
  // No LIKE: its wildcards may be part of a name.
  const named =
    search === undefined
      ? undefined
      : sql`(instr(${stack.name}, ${search.toLowerCase()}) > 0 OR instr(${node.name}, ${search.toLowerCase()}) > 0)`;
  const runs =
    running === undefined
      ? undefined
      : sql`json_extract(${stack.summary}, '$.running') = ${running === 'true' ? 1 : 0}`;
  return listed(db)
    .where(and(isNull(stack.gone_at), host === undefined ? undefined : eq(stack.home_id, host), named, runs, later))
    .orderBy(asc(stack.name), asc(stack.id))
    .limit(limit + 1)
    .all();
}

/** Returns several stacks if several hosts run one of this name. */
export async function findStacks(db: D1Database, name: string): Promise<ListedStack[]> {
  return listed(db)
    .where(and(eq(stack.name, name), isNull(stack.gone_at)))
    .orderBy(asc(stack.id))
    .all();
}
