import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { command, migration } from '../tables/migrations.ts';

/** Reads a host's commands; only `migration-store.ts` writes them. */

/** Commands without an answer, oldest first. */
export async function openCommandsFor(db: D1Database, hostId: string) {
  return drizzle(db)
    .select({
      id: command.id,
      migration_id: command.migration_id,
      epoch: command.epoch,
      kind: command.kind,
      payload: command.payload,
      trace_id: sql<string | null>`${migration.saga} ->> '$.trace_id'`,
    })
    .from(command)
    .leftJoin(migration, eq(migration.id, command.migration_id))
    .where(and(eq(command.host_id, hostId), isNull(command.closed_at)))
    .orderBy(asc(command.created_at), asc(command.id))
    .all();
}

export interface CommandOwner {
  host_id: string;
  migration_id: string;
  stack_id: string;
  closed_at: number | null;
}

export async function ownerOfCommand(db: D1Database, id: string): Promise<CommandOwner | null> {
  const row = await drizzle(db)
    .select({
      host_id: command.host_id,
      migration_id: command.migration_id,
      stack_id: migration.stack_id,
      closed_at: command.closed_at,
    })
    .from(command)
    .innerJoin(migration, eq(migration.id, command.migration_id))
    .where(eq(command.id, id))
    .get();
  return row ?? null;
}

export async function hostsWithOpenCommands(db: D1Database): Promise<string[]> {
  const rows = await drizzle(db)
    .selectDistinct({ id: command.host_id })
    .from(command)
    .where(isNull(command.closed_at))
    .all();
  return rows.map(({ id }) => id);
}
