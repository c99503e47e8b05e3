import type { Env } from '../env.ts';
import type { NodeKind } from '../store/nodes.ts';
import { allRelayIds } from '../store/relays.ts';
import { connectionOf } from './stubs.ts';

/**
 * After a node's row is marked deleted: its live connection is closed, and relays cut a host's sessions. A relay that is
 * away gets the whole list with its next welcome.
 */
export async function revoke(env: Env, kind: NodeKind, id: string): Promise<void> {
  await connectionOf(env, id).revokeNow();
  if (kind !== 'host') return;
  const relays = await allRelayIds(env.DB);
  await Promise.allSettled(relays.map((relay) => connectionOf(env, relay).notifyRevoked(id)));
}
