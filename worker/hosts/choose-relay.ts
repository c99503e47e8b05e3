import type { RelayAddress } from '../../schema/agent-protocol.ts';

/**
 * The relay of a migration, null where there is none. Both sides must come to the same one though they ask at different
 * moments, so it depends on the migration and on who is there, not on order: the highest hash of migration and relay wins
 * (rendezvous hashing). A relay that comes or goes moves only the migrations that were, or now are, its own.
 */
export function chooseRelay(relays: readonly RelayAddress[], migrationId: string): RelayAddress | null {
  let best: RelayAddress | null = null;
  let bestScore = -1;
  for (const relay of relays) {
    const score = fnv1a(`${migrationId} ${relay.id}`);
    if (score > bestScore || (score === bestScore && best && relay.id < best.id)) {
      best = relay;
      bestScore = score;
    }
  }
  return best;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
