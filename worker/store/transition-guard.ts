import { and, eq, inArray, isNotNull, ne, type SQL, sql } from 'drizzle-orm';
import { activeStatuses } from '../../schema/migration-status.ts';
import { migration, node, type transition } from '../../schema/tables.ts';
import type { Room } from '../migration/preflight-facts.ts';

/** What must hold in the database at the moment of a commit, and the outcome where it does not. */
export interface Condition<O extends string> {
  holds: SQL;
  otherwise: O;
}

/**
 * A transition's first statement. Where its condition does not hold the nonce is NULL, which the table refuses, so that
 * the whole batch is aborted.
 */
export function guardRow(
  row: typeof transition.$inferInsert,
  condition: Condition<string> | null,
): Omit<typeof transition.$inferInsert, 'nonce'> & { nonce: string | SQL } {
  return condition ? { ...row, nonce: sql`CASE WHEN ${condition.holds} THEN ${row.nonce} END` } : row;
}

export const conditionFailed = (error: unknown): boolean => String(error).includes('transition.nonce');

/** By the database's clock, however long the batch was on its way. */
export function notAfter(commitBy: number): Condition<'late'> {
  return { holds: sql`unixepoch('subsec') * 1000 <= ${commitBy}`, otherwise: 'late' };
}

/** A migration must not begin, nor a rollback, on a host that is being deleted. */
export function hostsExist(hosts: string[]): Condition<'host_deleted'> {
  const deleted = and(inArray(node.id, hosts), isNotNull(node.deleted_at));
  return { holds: sql`NOT EXISTS (SELECT 1 FROM ${node} WHERE ${deleted})`, otherwise: 'host_deleted' };
}

/** What other migrations were promised of this target fits into what this one leaves. */
export function roomLeft(target: string, ownId: string, spare: Room): Condition<'no_room'> {
  const { memory_bytes, disk_bytes } = promisedOn(target, ownId);
  return {
    holds: sql`(${memory_bytes} <= ${spare.memory_bytes} AND ${disk_bytes} <= ${spare.disk_bytes})`,
    otherwise: 'no_room',
  };
}

/** Bytes that migrations under way will still take on a host, without those of `ownId`. */
export function promisedOn(target: string, ownId: string | null): { [K in keyof Room]: SQL<number> } {
  const others = and(
    eq(migration.target_host_id, target),
    inArray(migration.status, [...activeStatuses]),
    ownId === null ? undefined : ne(migration.id, ownId),
  );
  const sum = (key: keyof Room) =>
    sql<number>`(SELECT coalesce(sum(json_extract(${migration.report}, ${`$.needs.${key}`})), 0) FROM ${migration} WHERE ${others})`;
  return { memory_bytes: sum('memory_bytes'), disk_bytes: sum('disk_bytes') };
}
