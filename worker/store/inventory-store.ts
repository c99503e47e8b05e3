import { eq, inArray, isNotNull, max, or, sql } from 'drizzle-orm';
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';
import type { StackSummary } from '../../schema/facts.ts';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import type { Keeper } from '../saga/inventory/leftovers.ts';
import { type Move, moveOf } from '../saga/inventory/placement.ts';
import { node, stack } from '../tables/fleet.ts';
import { migration } from '../tables/migrations.ts';
import type { StackRow } from './stacks.ts';

export interface InventoryChanges {
  added: StackSummary[];
  seen: { id: string; summary: StackSummary }[];
  /** Stack ids. */
  gone: string[];
}

export async function stacksAt(db: D1Database, hostId: string): Promise<StackRow[]> {
  return drizzle(db).select().from(stack).where(eq(stack.home_id, hostId)).all();
}

/** The newest migration of each project with this host as its source or target. */
export async function latestMovesOf(db: D1Database, hostId: string): Promise<Move[]> {
  const orm = drizzle(db);
  const newest = orm
    .select({ id: max(migration.id) })
    .from(migration)
    .where(or(eq(migration.source_host_id, hostId), eq(migration.target_host_id, hostId)))
    .groupBy(migration.stack_name);
  const rows = await orm
    .select({
      id: migration.id,
      stack_id: migration.stack_id,
      stack_name: migration.stack_name,
      status: migration.status,
      source_host_id: migration.source_host_id,
      ended_at: migration.ended_at,
      saga: migration.saga,
    })
    .from(migration)
    .where(inArray(migration.id, newest))
    .all();
  return rows.map((row) => moveOf(row, hostId));
}

/** The migrations with these ids, and which of their hosts were deleted. */
export async function keepersOf(
  db: D1Database,
  ids: string[],
): Promise<{ keepers: Keeper[]; deletedHosts: ReadonlySet<string> }> {
  if (ids.length === 0) return { keepers: [], deletedHosts: new Set() };
  const orm = drizzle(db);
  const wanted = sql`${migration.id} IN (SELECT value FROM json_each(${JSON.stringify(ids.slice(0, limits.control.stacksPerHostMax))}))`;
  const { id, status, source_host_id, target_host_id, saga } = migration;
  const keepers = await orm.select({ id, status, source_host_id, target_host_id, saga }).from(migration).where(wanted);
  const deleted = await orm
    .select({ id: node.id })
    .from(node)
    .innerJoin(migration, or(eq(migration.source_host_id, node.id), eq(migration.target_host_id, node.id)))
    .where(sql`${wanted} AND ${isNotNull(node.deleted_at)}`);
  return { keepers, deletedHosts: new Set(deleted.map((row) => row.id)) };
}

export async function writeInventory(db: D1Database, hostId: string, changes: InventoryChanges, now: number) {
  const orm = drizzle(db);
  const statements = [
    ...(changes.added.length > 0 ? [forgetOldest(orm, hostId, changes.added.length)] : []),
    ...changes.added.map((summary) =>
      orm
        .insert(stack)
        .values({
          id: newId('stack', now),
          name: summary.project,
          home_id: hostId,
          summary,
          created_at: now,
          seen_at: now,
        })
        .onConflictDoNothing(),
    ),
    ...changes.seen.map(({ id, summary }) =>
      orm.update(stack).set({ summary, seen_at: now, gone_at: null }).where(at(id, hostId)),
    ),
    ...changes.gone.map((id) => orm.update(stack).set({ gone_at: now }).where(at(id, hostId))),
  ];
  const [first, ...rest] = statements;
  if (first) await orm.batch([first, ...rest]);
}

/** Limits the rows of a host: the oldest vanished stacks without a migration are deleted. */
function forgetOldest(orm: DrizzleD1Database, hostId: string, coming: number) {
  const kept = Math.max(0, limits.control.stackRowsPerHostMax - coming);
  return orm.delete(stack).where(sql`${stack.id} IN (
    SELECT id FROM stack WHERE home_id = ${hostId} ORDER BY gone_at IS NOT NULL, gone_at DESC LIMIT -1 OFFSET ${kept}
  ) AND ${isNotNull(stack.gone_at)} AND NOT EXISTS (SELECT 1 FROM ${migration} WHERE ${migration.stack_id} = ${stack.id})`);
}

/** Requires that the home is unchanged: a migration that completes meanwhile moves the stack. */
const at = (id: string, hostId: string) => sql`${stack.id} = ${id} AND ${stack.home_id} = ${hostId}`;
