import { connectionOf, migrationsOf } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import { unsettledMigrations } from '../../store/host-deletion.ts';
import { markRevoked, type NodeKind } from '../../store/nodes.ts';
import { allRelayIds } from '../../store/relays.ts';

/**
 * Completes the deletion of a marked node: closes its connection, has relays cut a host's sessions, and settles its
 * migrations. A relay that is offline gets the whole list with its next welcome. Throws if one of them could not be
 * notified; the revocation then stays pending.
 */
export async function revoke(env: Env, kind: NodeKind, id: string): Promise<void> {
  const relays = kind === 'host' ? await allRelayIds(env.DB) : [];
  const migrations = kind === 'host' ? await unsettledMigrations(env.DB, id) : [];
  const outcomes = await Promise.allSettled([
    connectionOf(env, id).revokeNow(),
    ...relays.map((relay) => connectionOf(env, relay).notifyRevoked(id)),
    ...migrations.map((migration) => migrationsOf(env, migration.stack_id).hostDeleted(migration.id, id)),
  ]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  await markRevoked(env.DB, id);
}
