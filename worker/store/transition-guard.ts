import { and, eq, inArray, isNotNull, ne, type SQL, sql } from 'drizzle-orm';
import type { Room } from '../saga/preflight/preflight-facts.ts';
import { node } from '../tables/fleet.ts';
import { isActive, migration, type transition } from '../tables/migrations.ts';

/** A condition that must hold at commit, and the outcome if it does not. */
export interface Condition<O extends string> {
  holds: SQL;
  otherwise: O;
}

/**
 * The first statement of a transition. If its condition does not hold, the nonce is NULL, which the table rejects, so
 * the whole batch is aborted.
 */
export function guardRow(
  row: typeof transition.$inferInsert,
  condition: Condition<string> | null,
): Omit<typeof transition.$inferInsert, 'nonce'> & { nonce: string | SQL } {
  return condition ? { ...row, nonce: sql`CASE WHEN ${condition.holds} THEN ${row.nonce} END` } : row;
}

export const conditionFailed = (error: unknown): boolean => String(error).includes('transition.nonce');

/** By the database's clock, so the delay of the batch counts. */
export function notAfter(commitBy: number): Condition<'late'> {
  return { holds: sql`unixepoch('subsec') * 1000 <= ${commitBy}`, otherwise: 'late' };
}

/** Neither a migration nor a rollback may start on a host that is being deleted. */
export function hostsExist(hosts: string[]): Condition<'host_deleted'> {
  const deleted = and(inArray(node.id, hosts), isNotNull(node.deleted_at));
  return { holds: sql`NOT EXISTS (SELECT 1 FROM ${node} WHERE ${deleted})`, otherwise: 'host_deleted' };
}

/** The reservations of other migrations on this target fit into the room this one leaves. */
export function roomLeft(target: string, ownId: string, spare: Room): Condition<'no_room'> {
  const { memory_bytes, disk_bytes } = promisedOn(target, ownId);
  return {
    holds: sql`(${memory_bytes} <= ${spare.memory_bytes} AND ${disk_bytes} <= ${spare.disk_bytes})`,
    otherwise: 'no_room',
  };
}

/** Bytes reserved on a host by active migrations, except `ownId`. */
export function promisedOn(target: string, ownId: string | null): { [K in keyof Room]: SQL<number> } {
  const others = and(
    eq(migration.target_host_id, target),
    isActive,
    ownId === null ? undefined : ne(migration.id, ownId),
  );
  const sum = (key: keyof Room) =>
    sql<number>`(SELECT coalesce(sum(json_extract(${migration.report}, ${`$.needs.${key}`})), 0) FROM ${migration} WHERE ${others})`;
  return { memory_bytes: sum('memory_bytes'), disk_bytes: sum('disk_bytes') };
}
