import type { Env } from '../env.ts';
import { unsettledMigrations } from '../store/host-deletion.ts';
import { markRevoked, type NodeKind } from '../store/nodes.ts';
import { allRelayIds } from '../store/relays.ts';
import { connectionOf, migrationsOf } from './stubs.ts';

/**
 * After a node's row is marked deleted: its live connection is closed, relays cut a host's sessions, and its migrations
 * settle what they still expect of it. A relay that is away gets the whole list with its next welcome. Throws where one of
 * them could not be told, and stays owed then.
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
