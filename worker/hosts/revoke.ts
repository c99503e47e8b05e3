import type { Env } from '../env.ts';
import { markRevoked, type NodeKind } from '../store/nodes.ts';
import { allRelayIds } from '../store/relays.ts';
import { connectionOf } from './stubs.ts';

/**
 * After a node's row is marked deleted: its live connection is closed, and relays cut a host's sessions. A relay that is
 * away gets the whole list with its next welcome. Throws where one of them could not be told; it then stays owed.
 */
export async function revoke(env: Env, kind: NodeKind, id: string): Promise<void> {
  const relays = kind === 'host' ? await allRelayIds(env.DB) : [];
  const outcomes = await Promise.allSettled([
    connectionOf(env, id).revokeNow(),
    ...relays.map((relay) => connectionOf(env, relay).notifyRevoked(id)),
  ]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  await markRevoked(env.DB, id);
}
