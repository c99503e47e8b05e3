import type { RelayAddress } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { chooseRelay } from './choose-relay.ts';

/**
 * The relay of a stack's running migration, for both its sides: the one chosen before while it is connected and neither
 * side failed to reach it, else by hash among those that neither did. Where every relay failed one of the sides, the one
 * whose failure is the longest ago.
 *
 * In memory only. When it is lost, a side that cannot reach the relay says so again with its next ask; the other, which
 * waits there, is told `peer_absent` after `joinWaitMsMax` and asks again too. Both waits fit well into the time for
 * which a failure is remembered, so the sides meet.
 */
export class RelayChoice {
  #migrationId = '';
  #current: string | null = null;
  /** Relay → when a side last said that it could not reach it. Holds ids of connected relays only. */
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
