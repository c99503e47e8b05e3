import { and, asc, count, eq, gt, isNull, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { webhookDelivery, webhookEndpoint } from '../../schema/tables.ts';
import type { MigrationRow } from '../migration/ports.ts';

export type EndpointRow = typeof webhookEndpoint.$inferSelect;

/** For the batch that inserts a migration: the endpoint of its callback, where it has one. */
export function callbackEndpoint(
  db: D1Database,
  {
    id,
    callback_url,
    requested_by,
    created_at,
  }: Pick<MigrationRow, 'id' | 'callback_url' | 'requested_by' | 'created_at'>,
) {
  if (callback_url === null) return [];
  const endpoint = { id: newId('whk', created_at), url: callback_url, migration_id: id, created_at };
  return [
    drizzle(db)
      .insert(webhookEndpoint)
      .values({ ...endpoint, secret_name: requested_by }),
  ];
}

/** Null where there are as many as may be. */
export async function insertEndpoint(
  db: D1Database,
  { url, events }: Pick<EndpointRow, 'url' | 'events'>,
  now: number,
): Promise<EndpointRow | null> {
  const orm = drizzle(db);
  const registered = isNull(webhookEndpoint.migration_id);
  const [held] = await orm.select({ number: count() }).from(webhookEndpoint).where(registered);
  if ((held?.number ?? 0) >= limits.webhook.endpointsMax) return null;
  const id = newId('whk', now);
  return orm.insert(webhookEndpoint).values({ id, url, events, secret_name: id, created_at: now }).returning().get();
}

export async function loadEndpoint(db: D1Database, id: string): Promise<EndpointRow | null> {
  return (await drizzle(db).select().from(webhookEndpoint).where(eq(webhookEndpoint.id, id)).get()) ?? null;
}

/** In order of creation, one more than `limit` where there is more: the registered ones, or a migration's callback. */
export async function listEndpoints(
  db: D1Database,
  migrationId: string | null,
  after: string | null,
  limit: number,
): Promise<EndpointRow[]> {
  const { id, migration_id } = webhookEndpoint;
  return drizzle(db)
    .select()
    .from(webhookEndpoint)
    .where(
      and(
        migrationId === null ? isNull(migration_id) : eq(migration_id, migrationId),
        after === null ? undefined : gt(id, after),
      ),
    )
    .orderBy(asc(id))
    .limit(limit + 1)
    .all();
}

export async function updateEndpoint(
  db: D1Database,
  id: string,
  changes: Partial<Pick<EndpointRow, 'url' | 'events' | 'disabled_at' | 'disabled_why'>>,
): Promise<void> {
  if (Object.keys(changes).length === 0) return;
  await drizzle(db).update(webhookEndpoint).set(changes).where(eq(webhookEndpoint.id, id));
}

/** Takes no new events; what is on its way becomes dead letters, which can be replayed once it is enabled again. */
export async function disableEndpoint(
  db: D1Database,
  id: string,
  why: EndpointRow['disabled_why'],
  now: number,
): Promise<void> {
  const orm = drizzle(db);
  await orm.batch([
    orm
      .update(webhookEndpoint)
      .set({ disabled_at: now, disabled_why: why })
      .where(and(eq(webhookEndpoint.id, id), isNull(webhookEndpoint.disabled_at))),
    orm
      .update(webhookDelivery)
      .set({ status: 'dead', next_attempt_at: null, ended_at: now })
      .where(and(eq(webhookDelivery.endpoint_id, id), eq(webhookDelivery.status, 'pending'))),
  ]);
}

/** The next generation signs from now on, the one before beside it until `beforeUntil`. */
export async function rotateSecret(db: D1Database, id: string, beforeUntil: number): Promise<EndpointRow | null> {
  const row = await drizzle(db)
    .update(webhookEndpoint)
    .set({ secret_generation: sql`secret_generation + 1`, secret_before_until: beforeUntil })
    .where(eq(webhookEndpoint.id, id))
    .returning()
    .get();
  return row ?? null;
}

/** With its deliveries. */
export async function deleteEndpoint(db: D1Database, id: string): Promise<void> {
  const orm = drizzle(db);
  await orm.batch([
    orm.delete(webhookEndpoint).where(eq(webhookEndpoint.id, id)),
    orm.delete(webhookDelivery).where(eq(webhookDelivery.endpoint_id, id)),
  ]);
}
