import type { RelayAddress } from '../../schema/commands/parts.ts';
import { limits } from '../../schema/limits.ts';

/**
 * Chooses the relay of a stack's running migration, for both sides: the current one while it is connected and neither
 * side failed to reach it, else the rendezvous choice among the relays that neither side failed to reach. If every
 * relay failed, the one whose failure is oldest.
 *
 * Kept in memory only. If the state is lost, a side that cannot reach the relay reports it again with its next request;
 * the other side, waiting there, gets `peer_absent` after `joinWaitMsMax` and asks again too. Both waits are well below
 * the time for which a failure is remembered, so the sides meet.
 */
export class RelaySelection {
  #migrationId = '';
  #current: string | null = null;
  /** Relay id → time of the last reported failure. Connected relays only. */
  #failed = new Map<string, number>();

  choose(
    migrationId: string,
    connected: readonly RelayAddress[],
    unreachable: readonly string[],
    now: number,
  ): RelayAddress | null {
    if (migrationId !== this.#migrationId) {
      this.#migrationId = migrationId;
      this.#current = null;
      this.#failed.clear();
    }
    for (const { id } of connected) if (unreachable.includes(id)) this.#failed.set(id, now);
    for (const [id, at] of this.#failed) if (now - at >= limits.relay.unreachableKeepMs) this.#failed.delete(id);

    const sound = connected.filter(({ id }) => !this.#failed.has(id));
    const chosen =
      sound.find(({ id }) => id === this.#current) ?? chooseRelay(sound, migrationId) ?? this.#longestAgo(connected);
    this.#current = chosen?.id ?? null;
    return chosen;
  }

  #longestAgo(connected: readonly RelayAddress[]): RelayAddress | null {
    const at = ({ id }: RelayAddress) => this.#failed.get(id) ?? 0;
    return connected.toSorted((a, b) => at(a) - at(b) || (a.id < b.id ? -1 : 1))[0] ?? null;
  }
}

/**
 * Returns the relay of a migration, or null if there is none. Uses rendezvous hashing (the highest hash of migration
 * and relay wins), because both sides must choose the same relay although they ask at different moments. A relay that
 * comes or goes affects only the migrations assigned to it.
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
