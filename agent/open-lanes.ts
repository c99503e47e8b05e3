import type { ControlLink } from '../node/control-link.ts';
import type { Log } from '../node/log.ts';
import type { Identity } from '../node/peer-identity.ts';
import type { Throttles } from '../node/throttle.ts';
import type { DirectDoor } from './transfer/direct-door.ts';
import { countLaneBytes, type LaneBytes } from './transfer/lane-bytes.ts';
import { type Lanes, lanesOver, relayDialer } from './transfer/lanes.ts';
import type { Dialer } from './transfer/reconnect.ts';

/** The lanes of this host, with tickets from the control plane, and the bytes that crossed them. */
export function openLanes(options: {
  identity: () => Identity;
  ask: ControlLink['ask'];
  door: DirectDoor | null;
  throttles: Throttles;
  log: Log;
}): { lanes: Lanes; dialer: Dialer; bytes: LaneBytes['bytes'] } {
  const { identity, ask, door, throttles, log } = options;
  const counted = countLaneBytes();
  const dialer = counted.counting(
    relayDialer({
      identity,
      ticket: async (wanted, signal) => {
        const answer = await ask('ticket', wanted, signal);
        log.secret(answer.ticket);
        throttles.setLimit(wanted.migration_id, answer.bandwidth_limit);
        return answer;
      },
      door,
      onDirectFault: ({ host, port }, error) =>
        log.warn(`no direct connection to ${host}:${port}, using the relay`, { error }),
    }),
  );
  return { lanes: lanesOver(dialer, throttles), dialer, bytes: counted.bytes };
}
