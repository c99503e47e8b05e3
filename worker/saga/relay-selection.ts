import type { RelayLoad } from '../../schema/agent-protocol.ts';
import type { RelayAddress } from '../../schema/commands/parts.ts';
import type { HostFacts } from '../../schema/host-facts.ts';
import { limits } from '../../schema/limits.ts';
import type { SagaPlan } from '../../schema/saga.ts';

const { chosenMax, nearRttFactor, nearRttMs, pairBytesPerS, unreachableKeepMs } = limits.relay;

/** A connected relay, so not one that drains. */
export interface RelayOption extends RelayAddress {
  /** Null if it does not say it. */
  load: RelayLoad | null;
  /** Round trips of both hosts to it, as the pre-flight measured them; null if one of them did not reach it. */
  rtt_ms: number | null;
}

/** `relay`: its id. */
export interface ChosenRelay {
  migration_id: string;
  relay: string;
}

/**
 * Chooses the relay of a stack's migration, for both sides: the one chosen before while it is connected and neither side failed
 * to reach it, whatever it carries by then; else one of those that neither side failed to reach (`chooseRelay`). If every relay
 * failed, the one whose failure is oldest. A migration that has ended may still forward connections while the next one runs.
 *
 * Which ones were chosen outlives this object's memory, since loads change; failures don't. If these are lost, a side that
 * cannot reach the relay reports it again with its next request; the other side, waiting there, gets `peer_absent` after
 * `joinWaitMsMax` and asks again too. Both waits are well below the time for which a failure is remembered, so the sides meet.
 */
export class RelaySelection {
  /** The newest first; replaced when it changes. */
  #chosen: readonly ChosenRelay[];
  /** Migration and relay → time of the last reported failure. Connected relays only. */
  #failed = new Map<string, number>();

  constructor(kept: readonly ChosenRelay[] = []) {
    this.#chosen = kept;
  }

  get chosen(): readonly ChosenRelay[] {
    return this.#chosen;
  }

  choose(
    migration_id: string,
    connected: readonly RelayOption[],
    unreachable: readonly string[],
    now: number,
  ): RelayAddress | null {
    const key = ({ id }: RelayOption) => `${migration_id} ${id}`;
    for (const relay of connected) if (unreachable.includes(relay.id)) this.#failed.set(key(relay), now);
    for (const [failed, at] of this.#failed) if (now - at >= unreachableKeepMs) this.#failed.delete(failed);

    const before = this.#chosen.find((one) => one.migration_id === migration_id)?.relay;
    const sound = connected.filter((relay) => !this.#failed.has(key(relay)));
    const failedAt = (relay: RelayOption) => this.#failed.get(key(relay)) ?? 0;
    const relay =
      sound.find(({ id }) => id === before) ??
      chooseRelay(sound, migration_id) ??
      connected.toSorted((a, b) => failedAt(a) - failedAt(b) || (a.id < b.id ? -1 : 1))[0];
    if (!relay) return null;
    const { id, host, port } = relay;
    if (id !== before) this.#keep({ migration_id, relay: id });
    return { id, host, port };
  }

  #keep(chosen: ChosenRelay): void {
    const others = this.#chosen.filter(({ migration_id }) => migration_id !== chosen.migration_id);
    this.#chosen = [chosen, ...others].slice(0, chosenMax);
  }
}

/**
 * Returns the relay for a migration that has none yet, or null if there is none: among the nearest ones, each the more likely
 * the less it carries (weighted rendezvous hashing). The same answer for the same relays and loads. Not simply the idlest: a
 * load is seconds old, and a drain that begins a hundred migrations at once would send all of them there.
 */
export function chooseRelay(relays: readonly RelayOption[], migrationId: string): RelayOption | null {
  const near = nearest(relays);
  const compared = near.every(({ load }) => load !== null);
  const score = ({ id, load }: RelayOption) =>
    1 / (1 + (compared ? pairsOf(load) : 0)) / -Math.log(uniform(`${migrationId} ${id}`));
  const scored = near.map((relay) => ({ relay, score: score(relay) }));
  const [best] = scored.toSorted((a, b) => b.score - a.score || (a.relay.id < b.relay.id ? -1 : 1));
  return best?.relay ?? null;
}

/** For the plan: relays that both hosts reached, with the sum of their round trips. */
export function relayPaths(source: HostFacts['relays'], target: HostFacts['relays']): SagaPlan['relay_paths'] {
  return source.flatMap(({ id, rtt_ms }) => {
    const onwards = target.find((one) => one.id === id)?.rtt_ms ?? null;
    return rtt_ms === null || onwards === null ? [] : [{ id, rtt_ms: rtt_ms + onwards }];
  });
}

/** All, if none was measured. */
function nearest(relays: readonly RelayOption[]): readonly RelayOption[] {
  const measured = relays.flatMap(({ rtt_ms }) => rtt_ms ?? []);
  if (measured.length === 0) return relays;
  const bound = Math.min(...measured) * nearRttFactor + nearRttMs;
  return relays.filter(({ rtt_ms }) => rtt_ms !== null && rtt_ms <= bound);
}

/** Pairs of hosts, or as many as its bytes would be of a full relay. */
const pairsOf = (load: RelayLoad | null): number =>
  load ? Math.max(load.sessions, load.bytes_per_s / pairBytesPerS) : 0;

/** A number between 0 and 1, both excluded: FNV-1a, mixed so that ids which differ at their end are far apart. */
function uniform(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}
