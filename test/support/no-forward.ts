import type { ForwardKeeper } from '../../agent/forward/forward-keeper.ts';

/** For agents in tests that forward nothing. */
export const noForward: ForwardKeeper = {
  hold: async () => {},
  forward: async () => {},
  release: async () => {},
  end: async () => {},
  receive: async () => {},
  endReceiving: async () => {},
  freePorts: () => {},
  traffic: async () => null,
  allTraffic: async () => [],
  resume: async () => {},
  close: async () => {},
};
