import { and, asc, count, eq, gt, isNull, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import type { MigrationRow } from '../saga/migration/ports.ts';
import { webhookDelivery, webhookEndpoint } from '../tables/webhooks.ts';

export type EndpointRow = typeof webhookEndpoint.$inferSelect;

/** Statements for the batch that inserts a migration: the endpoint of its callback, if any. */
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

/** Returns null if the maximum number of endpoints exists. */
export async function insertEndpoint(
  db: D1Database,
  endpoint: Pick<EndpointRow, 'id' | 'kind' | 'url' | 'events' | 'email' | 'origin'>,
  now: number,
): Promise<EndpointRow | null> {
  const orm = drizzle(db);
  const registered = isNull(webhookEndpoint.migration_id);
  const [held] = await orm.select({ number: count() }).from(webhookEndpoint).where(registered);
  if ((held?.number ?? 0) >= limits.webhook.endpointsMax) return null;
  return orm
    .insert(webhookEndpoint)
    .values({ ...endpoint, secret_name: endpoint.id, created_at: now })
    .returning()
    .get();
}

export async function loadEndpoint(db: D1Database, id: string): Promise<EndpointRow | null> {
  return (await drizzle(db).select().from(webhookEndpoint).where(eq(webhookEndpoint.id, id)).get()) ?? null;
}

/**
 * The registered endpoints, or a migration's callback, in order of creation. Returns `limit + 1` rows if there are
 * more.
 */
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
  changes: Partial<Pick<EndpointRow, 'url' | 'events' | 'email' | 'disabled_at' | 'disabled_why'>>,
): Promise<void> {
  if (Object.keys(changes).length === 0) return;
  await drizzle(db).update(webhookEndpoint).set(changes).where(eq(webhookEndpoint.id, id));
}

/**
 * The endpoint gets no new events. Pending deliveries become dead letters, which can be replayed after it is enabled
 * again.
 */
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

/** Starts the next secret generation; the previous one also signs until `beforeUntil`. */
export async function rotateSecret(db: D1Database, id: string, beforeUntil: number): Promise<EndpointRow | null> {
  const row = await drizzle(db)
    .update(webhookEndpoint)
    .set({ secret_generation: sql`secret_generation + 1`, secret_before_until: beforeUntil })
    .where(eq(webhookEndpoint.id, id))
    .returning()
    .get();
  return row ?? null;
}

/** Deletes the endpoint with its deliveries. */
export async function deleteEndpoint(db: D1Database, id: string): Promise<void> {
  const orm = drizzle(db);
  await orm.batch([
    orm.delete(webhookEndpoint).where(eq(webhookEndpoint.id, id)),
    orm.delete(webhookDelivery).where(eq(webhookDelivery.endpoint_id, id)),
  ]);
}
