import { eq, inArray, max, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { StackSummary } from '../../schema/facts.ts';
import { newId } from '../../schema/ids.ts';
import { migration, stack } from '../../schema/tables.ts';
import { type Move, moveOf } from '../hosts/moves.ts';
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

/** Of each project that a migration brought to this host or took from it, the newest such migration. */
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

export async function writeInventory(db: D1Database, hostId: string, changes: InventoryChanges, now: number) {
  const orm = drizzle(db);
  const statements = [
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

/** Still there: a migration that completes meanwhile gives the stack another home. */
const at = (id: string, hostId: string) => sql`${stack.id} = ${id} AND ${stack.home_id} = ${hostId}`;
