import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { EmailAddresses } from '../../schema/api/webhooks.ts';
import { deliveryStatuses, type LastAttempt, type WebhookType } from '../../schema/webhook-events.ts';
import { webhookKinds } from '../../schema/webhook-kinds.ts';

/** A receiver of events: registered by an operator, or the `callback_url` of one migration. */
export const webhookEndpoint = sqliteTable(
  'webhook_endpoint',
  {
    id: text().primaryKey(),
    kind: text({ enum: webhookKinds }).notNull().default('standard'),
    /** Of some kinds without its secret part, see `shownUrl`; the whole one is then in the fleet authority. */
    url: text().notNull(),
    /** Of the kind `email`. */
    email: text({ mode: 'json' }).$type<EmailAddresses>(),
    /** Origin of the request that registered it: that of links where the control plane has no `PUBLIC_URL`. */
    origin: text(),
    /** Null for all, including those of later versions. */
    events: text({ mode: 'json' }).$type<WebhookType[]>(),
    /** Of a callback: the only migration whose events it gets. */
    migration_id: text(),
    /** Secrets are not stored: `worker/webhooks/signing-secret.ts` derives them from this name and generation. */
    secret_name: text().notNull(),
    secret_generation: integer().notNull().default(1),
    /** Until then the previous generation signs too. */
    secret_before_until: integer(),
    created_at: integer().notNull(),
    disabled_at: integer(),
    /** `gone`: the endpoint answered 410. */
    disabled_why: text({ enum: ['request', 'gone'] }),
  },
  (t) => [index('webhook_endpoint_migration').on(t.migration_id, t.id)],
);

/** The outbox: written in the batch of the transition it reports, so it exists if and only if that was committed. */
export const webhookEvent = sqliteTable(
  'webhook_event',
  {
    /** The `webhook-id` of every delivery. */
    id: text().primaryKey(),
    type: text().notNull(),
    /** The migration, drain or endpoint it reports on. */
    subject_id: text().notNull(),
    at: integer().notNull(),
    /** The body as it is signed and sent. */
    payload: text().notNull(),
  },
  (t) => [index('webhook_event_subject').on(t.subject_id, t.id), index('webhook_event_at').on(t.at)],
);

/** Delivery of one event to one endpoint, and its schedule; created in the event's own batch. */
export const webhookDelivery = sqliteTable(
  'webhook_delivery',
  {
    endpoint_id: text().notNull(),
    event_id: text().notNull(),
    status: text({ enum: deliveryStatuses }).notNull().default('pending'),
    /** During a call: when the call counts as lost. Null after the end. */
    next_attempt_at: integer(),
    /** Rises with each claim and never falls: an answer counts only for its own claim. */
    attempts: integer().notNull().default(0),
    /** Attempts since the last replay. */
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
