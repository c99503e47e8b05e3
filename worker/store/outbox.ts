import { and, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { newId } from '../../schema/ids.ts';
import type { Status } from '../../schema/migration-status.ts';
import {
  cutoverWebhook,
  type DrainWebhook,
  type DrainWebhookData,
  testWebhook,
  type WebhookPayload,
} from '../../schema/webhook-events.ts';
import { announcements, migrationData } from '../saga/migration/announcements.ts';
import type { MigrationRow } from '../saga/migration/ports.ts';
import type { Transition } from '../saga/migration/transition.ts';
import { node } from '../tables/fleet.ts';
import { webhookDelivery, webhookEndpoint, webhookEvent } from '../tables/webhooks.ts';
import { time } from '../time.ts';

/** An event to be committed. */
export interface OutboxEvent {
  /** The `webhook-id`, the same for every endpoint and every try. */
  id: string;
  subject_id: string;
  at: number;
  payload: WebhookPayload;
}

/** Returns the webhook events of a migration's transition from status `before` to `row`. */
export async function migrationEvents(
  db: D1Database,
  before: Status,
  row: MigrationRow,
  next: Transition,
): Promise<OutboxEvent[]> {
  const types = announcements(before, next);
  if (types.length === 0) return [];
  const hosts = inArray(node.id, [row.source_host_id, row.target_host_id]);
  const named = await drizzle(db).select({ id: node.id, name: node.name }).from(node).where(hosts);
  const data = migrationData(row, new Map(named.map(({ id, name }) => [id, name])));
  const at = row.updated_at;
  return types.map((type) => event(row.id, at, { type, timestamp: time(at), data }));
}

/** The caller adds `outboxStatements` to the batch of the transition and calls `queueEvents` after the commit. */
export function drainEvent(type: DrainWebhook, data: DrainWebhookData, at: number): OutboxEvent {
  return event(data.id, at, { type, timestamp: time(at), data });
}

/**
 * Statements for the batch of the transition: the event, and a delivery to each subscribed endpoint. So an event exists
 * if and only if its transition was committed. People who chose no events get one message for each moment.
 */
export function outboxStatements(db: D1Database, event: OutboxEvent) {
  const { migration_id, kind, events, disabled_at } = webhookEndpoint;
  const asked = sql`EXISTS (SELECT 1 FROM json_each(${events}) WHERE value = ${event.payload.type})`;
  const byDefault = and(isNull(events), event.payload.type === cutoverWebhook ? eq(kind, 'standard') : undefined);
  return statements(
    db,
    event,
    and(isNull(disabled_at), or(isNull(migration_id), eq(migration_id, event.subject_id)), or(byDefault, asked)),
  );
}

/** Creates a test event for one endpoint. Returns its id. */
export async function insertTestEvent(db: D1Database, endpoint_id: string, at: number): Promise<string> {
  const test = event(endpoint_id, at, { type: testWebhook, timestamp: time(at), data: { endpoint_id } });
  const [first, ...rest] = statements(db, test, eq(webhookEndpoint.id, endpoint_id));
  await drizzle(db).batch([first, ...rest]);
  return test.id;
}

function statements(db: D1Database, { id, subject_id, at, payload }: OutboxEvent, receivers: SQL | undefined) {
  const orm = drizzle(db);
  const { type } = payload;
  return [
    orm.insert(webhookEvent).values({ id, type, subject_id, at, payload: JSON.stringify(payload) }),
    orm.insert(webhookDelivery).select(
      orm
        .select({
          endpoint_id: webhookEndpoint.id,
          event_id: sql<string>`${id}`.as('event_id'),
          status: sql`'pending'`.as('status'),
          next_attempt_at: sql`${at}`.as('next_attempt_at'),
          attempts: sql`0`.as('attempts'),
          tries: sql`0`.as('tries'),
          ended_at: sql`NULL`.as('ended_at'),
          last: sql`NULL`.as('last'),
        })
        .from(webhookEndpoint)
        .where(receivers),
    ),
  ] as const;
}

function event(subject_id: string, at: number, payload: WebhookPayload): OutboxEvent {
  return { id: newId('evt', at), subject_id, at, payload };
}
