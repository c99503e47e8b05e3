import { and, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { newId } from '../../schema/ids.ts';
import type { Status } from '../../schema/migration-status.ts';
import { node, webhookDelivery, webhookEndpoint, webhookEvent } from '../../schema/tables.ts';
import {
  type DrainWebhook,
  type DrainWebhookData,
  testWebhook,
  type WebhookPayload,
} from '../../schema/webhook-events.ts';
import type { MigrationRow } from '../migration/ports.ts';
import type { Transition } from '../migration/turn.ts';
import { time } from '../views/time.ts';
import { announcements, migrationData } from '../webhooks/announce.ts';

/** An event that is about to be committed. */
export interface OutboxEvent {
  /** The `webhook-id`: one for an event, however often and to however many it is sent. */
  id: string;
  subject_id: string;
  at: number;
  payload: WebhookPayload;
}

/**
 * What a migration's transition from `before` to `row` owes its receivers. Reads the hosts' names, where there is
 * something to tell.
 */
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

/** For the drain: its statements into the batch of the transition, and `queueEvents` once that is committed. */
export function drainEvent(type: DrainWebhook, data: DrainWebhookData, at: number): OutboxEvent {
  return event(data.id, at, { type, timestamp: time(at), data });
}

/**
 * For the batch of the transition it tells of: the event, and a delivery to each endpoint that asked for it by then. So
 * an event exists if and only if its transition was committed.
 */
export function outboxStatements(db: D1Database, event: OutboxEvent) {
  const { migration_id, events, disabled_at } = webhookEndpoint;
  const asked = sql`EXISTS (SELECT 1 FROM json_each(${events}) WHERE value = ${event.payload.type})`;
  return statements(
    db,
    event,
    and(isNull(disabled_at), or(isNull(migration_id), eq(migration_id, event.subject_id)), or(isNull(events), asked)),
  );
}

/** An event for one endpoint only, which shows that it can be reached. Returns its id. */
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
