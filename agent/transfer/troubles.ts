import { limits } from '../../schema/limits.ts';

/** Which relays, or peers' own addresses, this host could not reach, so that another way is taken. */
export interface Troubles {
  add(place: string): void;
  /** Of the last `unreachableKeepMs`, at most `unreachableMax`. */
  recent(): string[];
}

export function createTroubles(now: () => number = Date.now): Troubles {
  /** Place → until when it is remembered; oldest first. */
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
