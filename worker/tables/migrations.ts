import { sql } from 'drizzle-orm';
import { customType, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Failure } from '../../schema/agent-protocol.ts';
import { activeStatuses, modes, sizings, statuses } from '../../schema/migration-status.ts';
import type { Report } from '../../schema/preflight-report.ts';
import type { Saga } from '../../schema/saga.ts';
import { quoted } from './quoted.ts';
import { readSaga } from './saga-versions.ts';

/** Times, here and in all tables: epoch milliseconds of the control plane's clock. */

/** Parsed and upgraded at each read: an older release may have stored it. */
const sagaColumn = customType<{ data: Saga; driverData: string }>({
  dataType: () => 'text',
  toDriver: (saga) => JSON.stringify(saga),
  fromDriver: (stored) => readSaga(JSON.parse(stored)),
});

/**
 * Of a completed migration whose source copy is kept: when its window ends. Literal, as an index over an expression needs it.
 */
export const windowEndsAt = sql`("saga" ->> '$.window.ends_at')`;
export const sourceKept = sql`"status" = 'completed' AND ("saga" ->> '$.window.source_purge.done_at') IS NULL`;
/** No reminder of such a copy was sent. Literal as well. */
export const notReminded = sql`("saga" ->> '$.window.reminded_at') IS NULL`;
/**
 * It has ended, nothing is awaited or to be retried, no copy is kept, and no connection is passed on: neither the saga, a
 * rollback, a purge nor forwarding reads its rows again. Literal as well; each AND is a term of its own to SQLite.
 */
export const settledSaga = sql`("status" IN ('failed', 'cancelled')
  OR ("status" = 'completed' AND ("saga" ->> '$.window.source_purge.done_at') IS NOT NULL)
  OR ("status" = 'rolled_back' AND ("saga" ->> '$.window.target_purge.done_at') IS NOT NULL))
  AND ("saga" ->> '$.deadline_at') IS NULL
  AND coalesce(json_array_length("saga", '$.awaiting'), 0) = 0
  AND coalesce(json_array_length("saga", '$.retry'), 0) = 0
  AND coalesce("saga" ->> '$.forwarding.phase', '') NOT IN ('holding', 'forwarding')`;
/** When its object has to look at it again; null if nothing is due. Literal as well. */
export const deadlineAt = sql`("saga" ->> '$.deadline_at')`;
/** Literal, so that SQLite uses the indexes of active migrations. */
export const isActive = sql`"migration"."status" IN (${quoted(activeStatuses)})`;

export const migration = sqliteTable(
  'migration',
  {
    id: text().primaryKey(),
    stack_id: text().notNull(),
    stack_name: text().notNull(),
    source_host_id: text().notNull(),
    target_host_id: text().notNull(),
    mode: text({ enum: modes }).notNull(),
    sizing: text({ enum: sizings }).notNull(),
    callback_url: text(),
    /** Bytes per second that the source may send; null for no limit. */
    bandwidth_limit: integer(),
    /** The drain that it is part of. */
    drain_id: text(),
    status: text({ enum: statuses }).notNull(),
    version: integer().notNull(),
    /** Complete input of `advance()`. */
    saga: sagaColumn().notNull(),
    report: text({ mode: 'json' }).$type<Report>(),
    failure: text({ mode: 'json' }).$type<Failure & { step: string }>(),
    requested_by: text().notNull(),
    created_at: integer().notNull(),
    updated_at: integer().notNull(),
    ended_at: integer(),
    /** Its history was deleted: `worker/store/retention.ts`. */
    trimmed: integer({ mode: 'boolean' }).notNull().default(false),
  },
  (t) => [
    uniqueIndex('migration_one_active_per_stack')
      .on(t.stack_id)
      .where(sql`status IN (${quoted(activeStatuses)})`),
    // A drain that lost the answer to a start finds its migration again, and can't start a second one.
    uniqueIndex('migration_of_drain').on(t.drain_id, t.stack_id).where(sql`drain_id IS NOT NULL`),
    index('migration_status').on(t.status, t.id),
    index('migration_stack').on(t.stack_id, t.id),
    index('migration_stack_name').on(t.stack_name, t.id),
    index('migration_source').on(t.source_host_id, t.id),
    index('migration_target').on(t.target_host_id, t.id),
    index('migration_incoming')
      .on(t.target_host_id)
      .where(sql`status IN (${quoted(activeStatuses)})`),
    index('migration_kept').on(windowEndsAt).where(sourceKept),
    index('migration_deadline').on(deadlineAt, t.stack_id).where(sql`${deadlineAt} IS NOT NULL`),
    index('migration_to_remind').on(windowEndsAt).where(sql`${sourceKept} AND ${notReminded}`),
    index('migration_to_trim').on(t.updated_at).where(sql`"trimmed" = 0 AND ${settledSaga}`),
    index('migration_to_forget').on(t.updated_at).where(settledSaga),
  ],
);

/**
 * Optimistic lock of every transition: the insert fails if another writer made this version. The nonce lets a writer
 * whose answer was lost recognise its own row.
 */
export const transition = sqliteTable(
  'transition',
  {
    migration_id: text().notNull(),
    version: integer().notNull(),
    nonce: text().notNull(),
    event: text().notNull(),
    from_status: text().notNull(),
    to_status: text().notNull(),
    at: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.migration_id, t.version] })],
);

/** Events of drains and hosts, which no migration takes along when it is deleted. Literal, as a partial index needs it. */
export const ofFleet = sql`substr("migration_id", 1, 4) <> 'mig_'`;

/**
 * The history of migrations, drains and hosts as people see it: the event feed, and the stream of each migration. The ids
 * give its order.
 */
export const migrationEvent = sqliteTable(
  'migration_event',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    /**
     * The migration, drain or host. The column keeps the name that it had when only migrations had events: a deploy migrates the
     * database while the release before still writes to it.
     */
    subject_id: text('migration_id').notNull(),
    kind: text().notNull(),
    at: integer().notNull(),
    data: text({ mode: 'json' }).$type<Record<string, unknown>>().notNull(),
  },
  (t) => [
    index('migration_event_migration').on(t.subject_id, t.id),
    index('migration_event_of_fleet').on(t.at).where(ofFleet),
  ],
);

/** Commands to agents: recorded with their transition, sent after it, and again until answered. */
export const command = sqliteTable(
  'command',
  {
    id: text().primaryKey(),
    migration_id: text().notNull(),
    host_id: text().notNull(),
    epoch: integer().notNull(),
    kind: text().notNull(),
    payload: text({ mode: 'json' }).$type<unknown>().notNull(),
    created_at: integer().notNull(),
    /** Set by its answer, or when a newer epoch voided it. */
    closed_at: integer(),
  },
  (t) => [
    index('command_open').on(t.host_id, t.created_at).where(sql`closed_at IS NULL`),
    index('command_migration').on(t.migration_id),
  ],
);
