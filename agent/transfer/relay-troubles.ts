import { limits } from '../../schema/limits.ts';

/** Which relays this host could not reach, so that it is sent to another. */
export interface RelayTroubles {
  add(relayId: string): void;
  /** Of the last `unreachableKeepMs`, at most `unreachableMax`. */
  recent(): string[];
}

export function createRelayTroubles(now: () => number = Date.now): RelayTroubles {
  /** Relay → until when it is remembered; oldest first. */
  const troubles = new Map<string, number>();
  return {
    add: (relayId) => {
      troubles.delete(relayId);
      troubles.set(relayId, now() + limits.relay.unreachableKeepMs);
      const [oldest] = troubles.keys();
      if (troubles.size > limits.relay.unreachableMax && oldest !== undefined) troubles.delete(oldest);
    },
    recent: () => {
      for (const [relayId, until] of troubles) if (until <= now()) troubles.delete(relayId);
      return [...troubles.keys()];
    },
  };
}
