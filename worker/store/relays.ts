import { and, asc, eq, isNotNull, isNull } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { RelayAddress } from '../../schema/commands/parts.ts';
import { presenceOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { type NodePresence, noPresence } from '../rpc.ts';
import { node } from '../tables/fleet.ts';

/** Connected relays with their addresses, and what they carry; null if they do not say it. */
export async function loadedRelays(env: Env): Promise<(RelayAddress & Pick<NodePresence, 'load'>)[]> {
  const rows = await drizzle(env.DB)
    .select({ id: node.id, address: node.address })
    .from(node)
    .where(and(eq(node.kind, 'relay'), isNull(node.deleted_at), isNotNull(node.address)))
    .orderBy(asc(node.id))
    .all();
  const presences = await Promise.all(rows.map(({ id }) => presenceOf(env, id)));
  return rows.flatMap(({ id, address }, index) => {
    const { online, load } = presences[index] ?? noPresence;
    return address && online ? [{ id, ...address, load }] : [];
  });
}

/** Connected relays with their addresses, to be told to hosts. */
export async function connectedRelays(env: Env): Promise<RelayAddress[]> {
  return (await loadedRelays(env)).map(({ id, host, port }) => ({ id, host, port }));
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
