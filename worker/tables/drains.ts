import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { activeDrainStatuses, type DrainRun, drainStatuses } from '../../schema/drain.ts';
import { quoted } from './quoted.ts';

/** The draining of a host. */
export const drain = sqliteTable(
  'drain',
  {
    id: text().primaryKey(),
    host_id: text().notNull(),
    status: text({ enum: drainStatuses }).notNull(),
    version: integer().notNull(),
    /** Complete input of the drain's `advance()`. */
    run: text({ mode: 'json' }).$type<DrainRun>().notNull(),
    requested_by: text().notNull(),
    created_at: integer().notNull(),
    updated_at: integer().notNull(),
    ended_at: integer(),
  },
  (t) => [
    uniqueIndex('drain_one_active_per_host')
      .on(t.host_id)
      .where(sql`status IN (${quoted(activeDrainStatuses)})`),
    index('drain_host').on(t.host_id, t.id),
    index('drain_status').on(t.status, t.id),
    index('drain_ended').on(t.ended_at).where(sql`ended_at IS NOT NULL`),
  ],
);

/** Optimistic lock of a drain's transitions, like `transition`. */
export const drainTransition = sqliteTable(
  'drain_transition',
  {
    drain_id: text().notNull(),
    version: integer().notNull(),
    nonce: text().notNull(),
    event: text().notNull(),
    at: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.drain_id, t.version] })],
);
