import { limits } from '../../schema/limits.ts';

/** Remembers relays, or peers' own addresses, that this host could not reach, so that another route is tried. */
export interface Troubles {
  add(place: string): void;
  /** Returns those of the last `unreachableKeepMs`, at most `unreachableMax`. */
  recent(): string[];
}

export function createTroubles(now: () => number = Date.now): Troubles {
  /** Place → when to forget it; oldest first. */
  const troubles = new Map<string, number>();
  return {
    add: (place) => {
      troubles.delete(place);
      troubles.set(place, now() + limits.relay.unreachableKeepMs);
      const [oldest] = troubles.keys();
      if (troubles.size > limits.relay.unreachableMax && oldest !== undefined) troubles.delete(oldest);
    },
    recent: () => {
      for (const [place, until] of troubles) if (until <= now()) troubles.delete(place);
      return [...troubles.keys()];
    },
  };
}
