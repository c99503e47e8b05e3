import { and, asc, eq, isNotNull, isNull } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { RelayAddress } from '../../schema/commands/parts.ts';
import { isOnline } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { node } from '../tables/fleet.ts';

/** Connected relays with their addresses. */
export async function connectedRelays(env: Env): Promise<RelayAddress[]> {
  const rows = await drizzle(env.DB)
    .select({ id: node.id, address: node.address })
    .from(node)
    .where(and(eq(node.kind, 'relay'), isNull(node.deleted_at), isNotNull(node.address)))
    .orderBy(asc(node.id))
    .all();
  const online = await Promise.all(rows.map(({ id }) => isOnline(env, id)));
  return rows.flatMap(({ id, address }, index) => (address && online[index] ? [{ id, ...address }] : []));
}

/** All relays, connected or not, to be notified of a revoked host. */
export async function allRelayIds(db: D1Database): Promise<string[]> {
  const rows = await drizzle(db)
    .select({ id: node.id })
    .from(node)
    .where(and(eq(node.kind, 'relay'), isNull(node.deleted_at), isNotNull(node.joined_at)))
    .all();
  return rows.map(({ id }) => id);
}
