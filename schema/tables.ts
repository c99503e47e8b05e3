import { sql } from 'drizzle-orm';
import { customType, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Failure, Leftover } from './agent-protocol.ts';
import { activeDrainStatuses, type DrainRun, drainStatuses } from './drain.ts';
import type { Resources, StackSummary } from './facts.ts';
import { activeStatuses, modes, sizings, statuses } from './migration-status.ts';
import type { Report } from './preflight-report.ts';
import type { Saga } from './saga.ts';
import { readSaga } from './saga-versions.ts';
import type { Scope } from './scopes.ts';
import { deliveryStatuses, type LastAttempt, type WebhookType } from './webhook-events.ts';

/** D1. Times are epoch milliseconds of the control plane's clock. No secret is stored but as a hash. */

/** Parsed at each read: an older release may have stored it. */
const sagaColumn = customType<{ data: Saga; driverData: string }>({
  dataType: () => 'text',
  toDriver: (saga) => JSON.stringify(saga),
  fromDriver: (stored) => readSaga(JSON.parse(stored)),
});

const quoted = (values: readonly string[]) => sql.raw(values.map((value) => `'${value}'`).join(', '));

export const apiToken = sqliteTable('api_token', {
  id: text().primaryKey(),
  name: text().notNull(),
  /** SHA-256, hex. */
  hash: text().notNull().unique(),
  scopes: text({ mode: 'json' }).$type<Scope[]>().notNull(),
  created_at: integer().notNull(),
  expires_at: integer(),
  revoked_at: integer(),
  /** Within `limits.api.tokenUseNoteMs`. */
  last_used_at: integer(),
});

/** The one fleet of this database. Its keys are in `FleetAuthority`; a CA other than this one is never used. */
export const fleet = sqliteTable('fleet', {
  /** Always 1. */
  id: integer().primaryKey(),
  fleet_id: text().notNull(),
  /** SHA-256 (hex) of the CA's certificate. */
  ca_sha256: text().notNull(),
  created_at: integer().notNull(),
});

/** A login to the web UI: see `worker/ui/session.ts`. */
export const uiSession = sqliteTable(
  'ui_session',
  {
    /** SHA-256 (hex) of what the cookie holds. */
    hash: text().primaryKey(),
    token_id: text().notNull(),
    /** The API token, sealed with a key that only the cookie gives. */
    sealed_token: text().notNull(),
    created_at: integer().notNull(),
    expires_at: integer().notNull(),
  },
  (t) => [index('ui_session_token').on(t.token_id, t.created_at), index('ui_session_expires').on(t.expires_at)],
);

/** A host or a relay: whatever holds a certificate of the fleet. */
export const node = sqliteTable(
  'node',
  {
    id: text().primaryKey(),
    kind: text({ enum: ['host', 'relay'] }).notNull(),
    name: text().notNull(),
    join_token_hash: text().unique(),
    join_token_expires_at: integer(),
    joined_at: integer(),
    /** SHA-256 (hex) of the key that joined: only it may ask again where the answer was lost. */
    join_key_sha256: text(),
    /** Serial (hex) and end of the newest certificate; only it and the one before (a renewal's answer may be lost) are good. */
    certificate_serial: text(),
    certificate_serial_before: text(),
    certificate_ends_at: integer(),
    created_at: integer().notNull(),
    deleted_at: integer(),
    /** Deleted, but not everyone who must cut it off is known to have heard. */
    revocation_owed: integer({ mode: 'boolean' }).notNull().default(false),
    /** When two live processes last showed this certificate. */
    cloned_at: integer(),
    /** Last seen alive, written at connect, disconnect and with each report. */
    seen_at: integer(),
    /** Not read any more: whether a node is there only its object can tell. 0.1.0, which may still run during an upgrade, writes it. */
    connected: integer({ mode: 'boolean' }).notNull().default(false),
    agent_version: text(),
    /** Client address of its latest connection. */
    connected_from: text(),
    /** Relays: where agents reach it. */
    address: text({ mode: 'json' }).$type<{ host: string; port: number }>(),
    resources: text({ mode: 'json' }).$type<Resources>(),
    /** Hosts: stopped copies from before it was deleted and joined again. */
    leftovers: text({ mode: 'json' }).$type<Leftover[]>(),
    /** Hosts: from then on no migration may target it. */
    cordoned_at: integer(),
  },
  (t) => [
    uniqueIndex('node_name').on(t.kind, t.name).where(sql`deleted_at IS NULL`),
    index('node_kind').on(t.kind, t.id),
    index('node_revocation_owed').on(t.id).where(sql`revocation_owed = 1`),
  ],
);

/** A Compose project by its home. A retained source or a left-behind target is a copy, never a second row. */
export const stack = sqliteTable(
  'stack',
  {
    id: text().primaryKey(),
    name: text().notNull(),
    home_id: text().notNull(),
    summary: text({ mode: 'json' }).$type<StackSummary>().notNull(),
    created_at: integer().notNull(),
    seen_at: integer().notNull(),
    /** Its home no longer reports it. The row stays, so that its id does when it comes back. */
    gone_at: integer(),
  },
  (t) => [uniqueIndex('stack_home').on(t.name, t.home_id), index('stack_name').on(t.name, t.id)],
);

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
    accept_unmoved: integer({ mode: 'boolean' }).notNull(),
    callback_url: text(),
    /** Bytes per second that the source may send; null for no bound. */
    bandwidth_limit: integer(),
    /** The drain that it is part of. */
    drain_id: text(),
    status: text({ enum: statuses }).notNull(),
    version: integer().notNull(),
    /** Everything `advance()` needs and nothing else. */
    saga: sagaColumn().notNull(),
    report: text({ mode: 'json' }).$type<Report>(),
    failure: text({ mode: 'json' }).$type<Failure & { step: string }>(),
    requested_by: text().notNull(),
    created_at: integer().notNull(),
    updated_at: integer().notNull(),
    ended_at: integer(),
  },
  (t) => [
    uniqueIndex('migration_one_active_per_stack')
      .on(t.stack_id)
      .where(sql`status IN (${quoted(activeStatuses)})`),
    // A drain that lost the answer to a start finds its migration again, and can't start a second one.
    uniqueIndex('migration_of_drain').on(t.drain_id, t.stack_id).where(sql`drain_id IS NOT NULL`),
    index('migration_status').on(t.status, t.id),
    index('migration_stack').on(t.stack_id, t.id),
    index('migration_source').on(t.source_host_id, t.id),
    index('migration_target').on(t.target_host_id, t.id),
    index('migration_incoming')
      .on(t.target_host_id)
      .where(sql`status IN (${quoted(activeStatuses)})`),
  ],
);

/**
 * The guard of every transition: its insert fails where another writer made this version. The nonce tells a writer
 * whose answer was lost that the row is its own.
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

/** The emptying of a host. */
export const drain = sqliteTable(
  'drain',
  {
    id: text().primaryKey(),
    host_id: text().notNull(),
    status: text({ enum: drainStatuses }).notNull(),
    version: integer().notNull(),
    /** Everything its `advance()` needs and nothing else. */
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
  ],
);

/** As `transition` is of migrations. */
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

/** What people see of a migration's course; the ids order the event stream. */
export const migrationEvent = sqliteTable(
  'migration_event',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    migration_id: text().notNull(),
    kind: text().notNull(),
    at: integer().notNull(),
    data: text({ mode: 'json' }).$type<Record<string, unknown>>().notNull(),
  },
  (t) => [index('migration_event_migration').on(t.migration_id, t.id)],
);

/** Commands to agents: recorded with their transition, sent after it, sent again until answered. */
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
    /** Set by its answer, or when a newer epoch made it void. */
    closed_at: integer(),
  },
  (t) => [
    index('command_open').on(t.host_id, t.created_at).where(sql`closed_at IS NULL`),
    index('command_migration').on(t.migration_id),
  ],
);

/** One-time ids of agent tokens, until they expire. */
export const seenToken = sqliteTable('seen_token', { jti: text().primaryKey(), expires_at: integer().notNull() });

/** Who did what, refused acts included. Never a body, a header or a secret. */
export const audit = sqliteTable(
  'audit',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    at: integer().notNull(),
    request_id: text().notNull(),
    actor_kind: text({ enum: ['token', 'host', 'relay'] }).notNull(),
    actor_id: text().notNull(),
    actor_name: text().notNull(),
    /** Method and route template, or the name of what the control plane noticed. */
    act: text().notNull(),
    objects: text({ mode: 'json' }).$type<Record<string, string>>().notNull(),
    status: integer().notNull(),
    code: text(),
    /** Of the client. */
    address: text(),
  },
  (t) => [index('audit_actor').on(t.actor_id, t.id), index('audit_act').on(t.act, t.id), index('audit_at').on(t.at)],
);

/** What a POST with an `Idempotency-Key` answered, sealed: see `worker/auth/sealed-answer.ts`. */
export const idempotency = sqliteTable(
  'idempotency',
  {
    token_id: text().notNull(),
    route: text().notNull(),
    /** SHA-256, hex. */
    key_hash: text().notNull(),
    fingerprint: text().notNull(),
    created_at: integer().notNull(),
    expires_at: integer().notNull(),
    /** Null while it is in flight, and for ever where it never ended. */
    answer: text(),
  },
  (t) => [primaryKey({ columns: [t.token_id, t.route, t.key_hash] }), index('idempotency_expires').on(t.expires_at)],
);

/** Where events go: registered by an operator, or the `callback_url` of one migration. */
export const webhookEndpoint = sqliteTable(
  'webhook_endpoint',
  {
    id: text().primaryKey(),
    url: text().notNull(),
    /** Null for all, those of later versions included. */
    events: text({ mode: 'json' }).$type<WebhookType[]>(),
    /** Of a callback: the only migration whose events it gets. */
    migration_id: text(),
    /** Secrets are stored nowhere: `worker/webhooks/signing-secret.ts` derives them from this name and generation. */
    secret_name: text().notNull(),
    secret_generation: integer().notNull().default(1),
    /** Until then the generation before signs too. */
    secret_before_until: integer(),
    created_at: integer().notNull(),
    disabled_at: integer(),
    /** `gone`: it answered 410. */
    disabled_why: text({ enum: ['request', 'gone'] }),
  },
  (t) => [index('webhook_endpoint_migration').on(t.migration_id, t.id)],
);

/** The outbox: written in the batch of the transition it tells of, so it is there if and only if that was committed. */
export const webhookEvent = sqliteTable(
  'webhook_event',
  {
    /** The `webhook-id` of every delivery. */
    id: text().primaryKey(),
    type: text().notNull(),
    /** The migration, drain or endpoint that it tells of. */
    subject_id: text().notNull(),
    at: integer().notNull(),
    /** The body as it is signed and sent. */
    payload: text().notNull(),
  },
  (t) => [index('webhook_event_subject').on(t.subject_id, t.id), index('webhook_event_at').on(t.at)],
);

/** One event's way to one endpoint, and its schedule; made in the event's own batch. */
export const webhookDelivery = sqliteTable(
  'webhook_delivery',
  {
    endpoint_id: text().notNull(),
    event_id: text().notNull(),
    status: text({ enum: deliveryStatuses }).notNull().default('pending'),
    /** While it is being sent: when it counts as lost. Null once it has ended. */
    next_attempt_at: integer(),
    /** Rises with each claim and never falls: an answer counts only for the claim that it belongs to. */
    attempts: integer().notNull().default(0),
    /** Of those, the ones since it was last replayed. */
    tries: integer().notNull().default(0),
    ended_at: integer(),
    last: text({ mode: 'json' }).$type<LastAttempt>(),
  },
  (t) => [
    primaryKey({ columns: [t.endpoint_id, t.event_id] }),
    index('webhook_delivery_due').on(t.next_attempt_at).where(sql`status = 'pending'`),
    index('webhook_delivery_event').on(t.event_id),
    index('webhook_delivery_ended').on(t.ended_at).where(sql`ended_at IS NOT NULL`),
  ],
);
