import { and, eq, gt, inArray, isNull, min, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { type AnySQLiteColumn, alias } from 'drizzle-orm/sqlite-core';
import { activeStatuses } from '../../schema/migration-status.ts';
import type { MigrationRow } from '../saga/migration/ports.ts';
import { apiToken } from '../tables/access.ts';
import { node, stack } from '../tables/fleet.ts';
import { migration } from '../tables/migrations.ts';

/** What a view of migrations tells besides their own rows, by id. */
export interface Surroundings {
  /** The hosts, deleted ones too; `deleted_at` in epoch milliseconds. */
  hosts: ReadonlyMap<string, { name: string; deleted_at: number | null }>;
  /** The home of each stack that is still reported. */
  homes: ReadonlyMap<string, string>;
  /** The next migration of the same stack that is active or completed. */
  successors: ReadonlyMap<string, string>;
  /** Names of the API tokens that started them. */
  tokens: ReadonlyMap<string, string>;
}

/** Before the database could be asked. */
export const noSurroundings: Surroundings = {
  hosts: new Map(),
  homes: new Map(),
  successors: new Map(),
  tokens: new Map(),
};

type Of = Pick<MigrationRow, 'id' | 'stack_id' | 'source_host_id' | 'target_host_id' | 'requested_by'>;

/** One batch, for any number of rows of a page. */
export async function surroundingsOf(db: D1Database, rows: readonly Of[]): Promise<Surroundings> {
  const orm = drizzle(db);
  const later = alias(migration, 'later');
  const follows = and(
    eq(later.stack_id, migration.stack_id),
    gt(later.id, migration.id),
    inArray(later.status, [...activeStatuses, 'completed']),
  );
  const stacks = rows.map(({ stack_id }) => stack_id);
  const sides = rows.flatMap(({ source_host_id, target_host_id }) => [source_host_id, target_host_id]);
  const homes = orm.select({ id: stack.home_id }).from(stack).where(isIn(stack.id, stacks));
  const [hosts, homed, successors, tokens] = await orm.batch([
    orm
      .select({ id: node.id, name: node.name, deleted_at: node.deleted_at })
      .from(node)
      .where(or(isIn(node.id, sides), inArray(node.id, homes))),
    orm
      .select({ id: stack.id, home: stack.home_id })
      .from(stack)
      .where(and(isIn(stack.id, stacks), isNull(stack.gone_at))),
    orm
      .select({ id: migration.id, next: min(later.id) })
      .from(migration)
      .innerJoin(later, follows)
      .where(
        isIn(
          migration.id,
          rows.map(({ id }) => id),
        ),
      )
      .groupBy(migration.id),
    orm
      .select({ id: apiToken.id, name: apiToken.name })
      .from(apiToken)
      .where(
        isIn(
          apiToken.id,
          rows.map(({ requested_by }) => requested_by),
        ),
      ),
  ]);
  return {
    hosts: new Map(hosts.map(({ id, ...host }) => [id, host])),
    homes: new Map(homed.map(({ id, home }) => [id, home])),
    successors: new Map(successors.flatMap(({ id, next }) => (next === null ? [] : [[id, next]]))),
    tokens: new Map(tokens.map(({ id, name }) => [id, name])),
  };
}

/** D1 takes a hundred parameters, so the ids go as one. */
const isIn = (column: AnySQLiteColumn, ids: string[]) =>
  sql`${column} IN (SELECT value FROM json_each(${JSON.stringify([...new Set(ids)])}))`;
