import { and, eq, isNull, or, sql } from 'drizzle-orm';
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';
import { newId } from '../../schema/ids.ts';
import { webhookDelivery, webhookEndpoint, webhookEvent } from '../../schema/tables.ts';
import type { DrainWebhook, DrainWebhookData, WebhookPayload } from '../../schema/webhook-events.ts';
import { time } from '../views/time.ts';

/** An event that is about to be committed. */
export interface OutboxEvent {
  /** The `webhook-id`: one for an event, however often and to however many it is sent. */
  id: string;
  subject_id: string;
  at: number;
  payload: WebhookPayload;
}

export function outboxEvent<P extends WebhookPayload>(
  type: P['type'],
  subject_id: string,
  data: P['data'],
  at: number,
): OutboxEvent {
  return { id: newId('evt', at), subject_id, at, payload: { type, timestamp: time(at), data } as WebhookPayload };
}

/** For the drain: put what `outboxStatements` makes of it into the batch of the transition, then `queueEvent` its id. */
export function drainEvent(type: DrainWebhook, drain: DrainWebhookData, at: number): OutboxEvent {
  return outboxEvent(type, drain.id, drain, at);
}

/**
 * For the batch of the transition it tells of: the event, and a delivery to each endpoint that asked for it by then. So
 * an event exists if and only if its transition was committed.
 */
export function outboxStatements(db: D1Database, { id, subject_id, at, payload }: OutboxEvent) {
  const orm = drizzle(db);
  const wanted = and(
    isNull(webhookEndpoint.disabled_at),
    or(isNull(webhookEndpoint.migration_id), eq(webhookEndpoint.migration_id, subject_id)),
    or(
      isNull(webhookEndpoint.events),
      sql`EXISTS (SELECT 1 FROM json_each(${webhookEndpoint.events}) WHERE value = ${payload.type})`,
    ),
  );
  return [
    orm
      .insert(webhookEvent)
      .values({ id, type: payload.type, subject_id, at, payload: JSON.stringify(payload) }),
    deliverTo(orm, id, at, wanted),
  ] as const;
}

/** One delivery of the event, due at once, to each endpoint that `wanted` finds. */
function deliverTo(orm: DrizzleD1Database, event_id: string, at: number, wanted: ReturnType<typeof and>) {
  return orm.insert(webhookDelivery).select(
    orm
      .select({
        endpoint_id: webhookEndpoint.id,
        event_id: sql<string>`${event_id}`.as('event_id'),
        status: sql<'pending'>`'pending'`.as('status'),
        next_attempt_at: sql<number>`${at}`.as('next_attempt_at'),
        attempts: sql<number>`0`.as('attempts'),
        tries: sql<number>`0`.as('tries'),
        ended_at: sql<null>`NULL`.as('ended_at'),
        attempted_at: sql<null>`NULL`.as('attempted_at'),
        took_ms: sql<null>`NULL`.as('took_ms'),
        answer_status: sql<null>`NULL`.as('answer_status'),
        error: sql<null>`NULL`.as('error'),
        answer: sql<null>`NULL`.as('answer'),
      })
      .from(webhookEndpoint)
      .where(wanted),
  );
}
