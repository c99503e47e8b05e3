import { and, asc, desc, eq, inArray, lt, lte, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { limits } from '../../schema/limits.ts';
import type { DeliveryStatus, LastAttempt } from '../../schema/webhook-events.ts';
import type { DeliveryId } from '../env.ts';
import { webhookDelivery, webhookEndpoint, webhookEvent } from '../tables/webhooks.ts';
import type { EndpointRow } from './webhooks.ts';

export type DeliveryRow = typeof webhookDelivery.$inferSelect;

/** A delivery reserved for this caller until `limits.webhook.claimMs` from now. */
export interface Claim extends DeliveryId {
  /** `attempts` and `tries` together identify this claim. */
  attempts: number;
  tries: number;
  payload: string;
  endpoint: EndpointRow;
}

/** The result of an attempt. */
export interface Attempt extends LastAttempt {
  status: DeliveryStatus;
  /** Null unless `pending`. */
  nextAt: number | null;
}

const same = ({ endpoint_id, event_id }: DeliveryId) =>
  and(eq(webhookDelivery.endpoint_id, endpoint_id), eq(webhookDelivery.event_id, event_id));

/**
 * Returns null if the delivery is not due: sent, being sent, dead, or deleted. The claim is a single statement, so only
 * one of two concurrent claims succeeds.
 */
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

/** Applies only to its own claim: a late result of an earlier claim, or of one before a replay, changes nothing. */
export async function recordAttempt(db: D1Database, claim: Claim, attempt: Attempt): Promise<void> {
  const { status, nextAt, ...last } = attempt;
  await drizzle(db)
    .update(webhookDelivery)
    .set({
      last,
      // Disabling the endpoint may have ended the delivery meanwhile; then only a success is recorded.
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

/** Longest due first. */
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

/** Newest event first. Returns `limit + 1` rows if there are more. */
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

const pendingAgain = (now: number) => ({ status: 'pending' as const, next_attempt_at: now, tries: 0, ended_at: null });

/** Makes the delivery due at once with a full set of tries, whatever its status. */
export async function replayDelivery(db: D1Database, id: DeliveryId, now: number): Promise<void> {
  await drizzle(db).update(webhookDelivery).set(pendingAgain(now)).where(same(id));
}

/** Replays all dead letters of an endpoint; returns how many. */
export async function replayDead(db: D1Database, endpointId: string, now: number): Promise<number> {
  const dead = and(eq(webhookDelivery.endpoint_id, endpointId), eq(webhookDelivery.status, 'dead'));
  const { meta } = await drizzle(db).update(webhookDelivery).set(pendingAgain(now)).where(dead).run();
  return meta.changes;
}

/** Deletes old deliveries and events without deliveries, a bounded share per call. Returns how many rows. */
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
