import { and, asc, desc, eq, inArray, lt, lte, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { limits } from '../../schema/limits.ts';
import { webhookDelivery, webhookEndpoint, webhookEvent } from '../../schema/tables.ts';
import type { DeliveryStatus, LastAttempt } from '../../schema/webhook-events.ts';
import type { EndpointRow } from './webhooks.ts';

export type DeliveryRow = typeof webhookDelivery.$inferSelect;
/** What the queue carries. */
export type DeliveryId = Pick<DeliveryRow, 'endpoint_id' | 'event_id'>;

/** A delivery that is this caller's to send, until `limits.webhook.claimMs` from now. */
export interface Claim extends DeliveryId {
  /** Together they name this claim. */
  attempts: number;
  tries: number;
  payload: string;
  endpoint: EndpointRow;
}

/** What came of an attempt. */
export interface Attempt extends LastAttempt {
  status: DeliveryStatus;
  /** Null but with `pending`. */
  nextAt: number | null;
}

const same = ({ endpoint_id, event_id }: DeliveryId) =>
  and(eq(webhookDelivery.endpoint_id, endpoint_id), eq(webhookDelivery.event_id, event_id));

/** Null where it is not due: sent, being sent, given up, or gone. One statement, so of two claims one is made. */
export async function claimDelivery(db: D1Database, id: DeliveryId, now: number): Promise<Claim | null> {
  const orm = drizzle(db);
  const due = and(eq(webhookDelivery.status, 'pending'), lte(webhookDelivery.next_attempt_at, now));
  const [[claimed], [parts]] = await orm.batch([
    orm
      .update(webhookDelivery)
      .set({
        next_attempt_at: now + limits.webhook.claimMs,
        attempts: sql`attempts + 1`,
        tries: sql`tries + 1`,
      })
      .where(and(same(id), due))
      .returning(),
    orm
      .select({ endpoint: webhookEndpoint, payload: webhookEvent.payload })
      .from(webhookEndpoint)
      .innerJoin(webhookEvent, eq(webhookEvent.id, id.event_id))
      .where(eq(webhookEndpoint.id, id.endpoint_id)),
  ]);
  return claimed && parts ? { ...id, attempts: claimed.attempts, tries: claimed.tries, ...parts } : null;
}

/** Only for the claim it belongs to: a late answer of an earlier one, or of one before a replay, changes nothing. */
export async function recordAttempt(db: D1Database, claim: Claim, attempt: Attempt): Promise<void> {
  const { status, nextAt, ...last } = attempt;
  await drizzle(db)
    .update(webhookDelivery)
    .set({
      last,
      // Ended meanwhile because its endpoint was disabled: then only a success is news.
      ...(status === 'pending'
        ? { next_attempt_at: sql`iif(status = 'pending', ${nextAt}, NULL)` }
        : { status, next_attempt_at: null, ended_at: last.at + last.took_ms }),
    })
    .where(and(same(claim), eq(webhookDelivery.attempts, claim.attempts), eq(webhookDelivery.tries, claim.tries)));
}

export async function deliveriesOf(db: D1Database, eventIds: string[]): Promise<DeliveryId[]> {
  const { endpoint_id, event_id } = webhookDelivery;
  return drizzle(db).select({ endpoint_id, event_id }).from(webhookDelivery).where(inArray(event_id, eventIds)).all();
}

/** The longest due first. */
export async function dueDeliveries(db: D1Database, now: number): Promise<DeliveryId[]> {
  const { endpoint_id, event_id, next_attempt_at, status } = webhookDelivery;
  return drizzle(db)
    .select({ endpoint_id, event_id })
    .from(webhookDelivery)
    .where(and(eq(status, 'pending'), lte(next_attempt_at, now)))
    .orderBy(asc(next_attempt_at))
    .limit(limits.webhook.sweepRowsMax)
    .all();
}

export interface ListedDelivery {
  delivery: DeliveryRow;
  event: Pick<typeof webhookEvent.$inferSelect, 'type' | 'subject_id' | 'at'>;
}

const listed = (db: D1Database) => {
  const { type, subject_id, at } = webhookEvent;
  return drizzle(db)
    .select({ delivery: webhookDelivery, event: { type, subject_id, at } })
    .from(webhookDelivery)
    .innerJoin(webhookEvent, eq(webhookEvent.id, webhookDelivery.event_id));
};

/** Newest event first, one more than `limit` where there is more. */
export async function listDeliveries(
  db: D1Database,
  endpointId: string,
  status: DeliveryStatus | undefined,
  before: string | null,
  limit: number,
): Promise<ListedDelivery[]> {
  const wanted = and(
    eq(webhookDelivery.endpoint_id, endpointId),
    status === undefined ? undefined : eq(webhookDelivery.status, status),
    before === null ? undefined : lt(webhookDelivery.event_id, before),
  );
  return listed(db)
    .where(wanted)
    .orderBy(desc(webhookDelivery.event_id))
    .limit(limit + 1)
    .all();
}

export async function loadDelivery(db: D1Database, id: DeliveryId): Promise<ListedDelivery | null> {
  return (await listed(db).where(same(id)).get()) ?? null;
}

const anew = (now: number) => ({ status: 'pending' as const, next_attempt_at: now, tries: 0, ended_at: null });

/** Due at once, with all its tries, whatever became of it. */
export async function replayDelivery(db: D1Database, id: DeliveryId, now: number): Promise<void> {
  await drizzle(db).update(webhookDelivery).set(anew(now)).where(same(id));
}

/** All dead letters of an endpoint; returns how many. */
export async function replayDead(db: D1Database, endpointId: string, now: number): Promise<number> {
  const dead = and(eq(webhookDelivery.endpoint_id, endpointId), eq(webhookDelivery.status, 'dead'));
  const { meta } = await drizzle(db).update(webhookDelivery).set(anew(now)).where(dead).run();
  return meta.changes;
}

/** What ended long ago, and events that nobody is owed any more; a bounded share of them in one go. Returns how many rows. */
export async function forgetOldDeliveries(db: D1Database, now: number): Promise<number> {
  const { expireRowsMax, expireRoundsMax } = limits.api;
  const before = now - limits.webhook.keepMs;
  const orm = drizzle(db);
  let forgotten = 0;
  for (let round = 0; round < expireRoundsMax; round++) {
    const deliveries = await orm.run(sql`DELETE FROM webhook_delivery WHERE rowid IN (
      SELECT rowid FROM webhook_delivery WHERE ended_at <= ${before} LIMIT ${expireRowsMax})`);
    const events = await orm.run(sql`DELETE FROM webhook_event WHERE rowid IN (
      SELECT rowid FROM webhook_event AS event WHERE at <= ${before}
        AND NOT EXISTS (SELECT 1 FROM webhook_delivery WHERE event_id = event.id) LIMIT ${expireRowsMax})`);
    forgotten += deliveries.meta.changes + events.meta.changes;
    if (deliveries.meta.changes < expireRowsMax && events.meta.changes < expireRowsMax) break;
  }
  return forgotten;
}
