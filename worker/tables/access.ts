import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { Scope } from '../../schema/scopes.ts';

/** Who may ask what, and who did. Secrets are stored only as hashes. */

export const apiToken = sqliteTable('api_token', {
  id: text().primaryKey(),
  name: text().notNull(),
  /** SHA-256, hex. */
  hash: text().notNull().unique(),
  scopes: text({ mode: 'json' }).$type<Scope[]>().notNull(),
  created_at: integer().notNull(),
  expires_at: integer(),
  revoked_at: integer(),
  /** Up to `limits.api.tokenUseNoteMs` behind. */
  last_used_at: integer(),
});

/** A login to the web UI: see `worker/ui/session.ts`. */
export const uiSession = sqliteTable(
  'ui_session',
  {
    /** SHA-256 (hex) of the cookie's value. */
    hash: text().primaryKey(),
    token_id: text().notNull(),
    /** The API token, encrypted with a key that only the cookie yields; empty for a person, who has none. */
    sealed_token: text().notNull(),
    created_at: integer().notNull(),
    expires_at: integer().notNull(),
  },
  (t) => [index('ui_session_token').on(t.token_id, t.created_at), index('ui_session_expires').on(t.expires_at)],
);

/** Who did what, including refused requests. Never a body, a header or a secret. */
export const audit = sqliteTable(
  'audit',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    at: integer().notNull(),
    request_id: text().notNull(),
    actor_kind: text({ enum: ['token', 'host', 'relay', 'operator'] }).notNull(),
    actor_id: text().notNull(),
    actor_name: text().notNull(),
    /** Method and route template, or the name of an event of the control plane. */
    act: text().notNull(),
    objects: text({ mode: 'json' }).$type<Record<string, string>>().notNull(),
    status: integer().notNull(),
    code: text(),
    /** The client's address. */
    address: text(),
    /**
     * What the act concerned, as of then, so that it is found also when the migration or drain is forgotten: the stack's name, the
     * host that was acted on, is drained or is a migration's source, and a migration's target.
     */
    stack_name: text(),
    host_id: text(),
    target_host_id: text(),
  },
  (t) => [index('audit_actor').on(t.actor_id, t.id), index('audit_act').on(t.act, t.id), index('audit_at').on(t.at)],
);

/** The answer to a POST with an `Idempotency-Key`, encrypted: see `worker/auth/sealed-answer.ts`. */
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
    /** Null while the request is in flight, and for ever if it never ended. */
    answer: text(),
  },
  (t) => [primaryKey({ columns: [t.token_id, t.route, t.key_hash] }), index('idempotency_expires').on(t.expires_at)],
);
