import { sql } from 'drizzle-orm';
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Address } from '../../schema/address.ts';
import type { AgentProgram, Leftover } from '../../schema/agent-protocol.ts';
import type { StackSummary } from '../../schema/facts.ts';
import type { Resources } from '../../schema/host-facts.ts';

/** The one fleet of this database. Its keys are in `FleetAuthority`; a CA other than this one is never used. */
export const fleet = sqliteTable('fleet', {
  /** Always 1. */
  id: integer().primaryKey(),
  fleet_id: text().notNull(),
  /** SHA-256 (hex) of the CA's certificate. */
  ca_sha256: text().notNull(),
  created_at: integer().notNull(),
});

/** A host that is not connected, and of which no event says so yet. Literal, as a partial index needs it. */
export const hostLeft = sql`"kind" = 'host' AND "deleted_at" IS NULL AND "connected" = 0 AND "absent_since" IS NULL`;
/** A host that is connected again, and of which the latest event says that it is not. Literal as well. */
export const hostBack = sql`"deleted_at" IS NULL AND "connected" = 1 AND "absent_since" IS NOT NULL`;

/** A host or a relay: a holder of a fleet certificate. */
export const node = sqliteTable(
  'node',
  {
    id: text().primaryKey(),
    kind: text({ enum: ['host', 'relay'] }).notNull(),
    name: text().notNull(),
    join_token_hash: text().unique(),
    join_token_expires_at: integer(),
    joined_at: integer(),
    /** SHA-256 (hex) of the key that joined: only it may repeat the request if the answer was lost. */
    join_key_sha256: text(),
    /**
     * Serial (hex) and end of the newest certificate. Only it and the previous one are valid: a renewal's answer may be
     * lost.
     */
    certificate_serial: text(),
    certificate_serial_before: text(),
    certificate_ends_at: integer(),
    created_at: integer().notNull(),
    deleted_at: integer(),
    /** Deleted, but not every relay is known to have received the revocation. */
    revocation_owed: integer({ mode: 'boolean' }).notNull().default(false),
    /** When two live processes last used this certificate. */
    cloned_at: integer(),
    /** Written at the welcome and at the end of its connection; in between its object knows it. */
    seen_at: integer(),
    /** For counts: right within `limits.control.presenceCheckMs`. Whoever asks about one node asks its object. */
    connected: integer({ mode: 'boolean' }).notNull().default(false),
    agent_version: text(),
    /** Hosts: the file that the agent runs from; null if it cannot be asked to upgrade. */
    program: text({ mode: 'json' }).$type<AgentProgram>(),
    /** Client address of its latest connection. */
    connected_from: text(),
    /** Relays: the address at which agents reach it. */
    address: text({ mode: 'json' }).$type<Address>(),
    /** The first and the last ones of its connection. */
    resources: text({ mode: 'json' }).$type<Resources>(),
    /** Hosts: stopped copies from before it was deleted and joined again. */
    leftovers: text({ mode: 'json' }).$type<Leftover[]>(),
    /** Hosts: from then on no migration may target it. */
    cordoned_at: integer(),
    /** Hosts: when it was last seen before the event `host_offline`; null once `host_online` followed. */
    absent_since: integer(),
  },
  (t) => [
    uniqueIndex('node_name').on(t.kind, t.name).where(sql`deleted_at IS NULL`),
    index('node_kind').on(t.kind, t.id),
    index('node_revocation_owed').on(t.id).where(sql`revocation_owed = 1`),
    index('node_connected').on(t.id).where(sql`connected = 1`),
    index('node_left').on(t.seen_at).where(hostLeft),
    index('node_back').on(t.id).where(hostBack),
    index('node_deleted').on(t.deleted_at).where(sql`deleted_at IS NOT NULL`),
  ],
);

/** Used ids of agent tokens, until they expire. */
export const seenToken = sqliteTable('seen_token', { jti: text().primaryKey(), expires_at: integer().notNull() });

/** A Compose project on its home host. A retained source or a left-behind target is a copy and gets no row. */
export const stack = sqliteTable(
  'stack',
  {
    id: text().primaryKey(),
    name: text().notNull(),
    home_id: text().notNull(),
    summary: text({ mode: 'json' }).$type<StackSummary>().notNull(),
    created_at: integer().notNull(),
    /** When it last changed, or came back. */
    seen_at: integer().notNull(),
    /** When its home stopped reporting it. The row stays, so that the stack keeps its id when it returns. */
    gone_at: integer(),
  },
  (t) => [
    uniqueIndex('stack_home').on(t.name, t.home_id),
    index('stack_name').on(t.name, t.id),
    index('stack_of_host').on(t.home_id, t.name),
    index('stack_gone').on(t.gone_at).where(sql`gone_at IS NOT NULL`),
  ],
);
