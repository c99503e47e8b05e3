import type { TLSSocket } from 'node:tls';
import type { AskPayload, AskReply } from '../../schema/agent-protocol.ts';
import { dialPeer } from './dial.ts';
import type { DirectDoor } from './direct-door.ts';
import type { Identity } from './peer-identity.ts';
import { receiveItem } from './receive.ts';
import { sendItem } from './send.ts';
import type { ItemProof, TarSink, TarSource } from './tar-ports.ts';
import { createThrottles, type Throttles } from './throttle.ts';
import { createTroubles } from './troubles.ts';

/** How the items of a migration cross to the peer: what the commands need of the data plane. */
export interface Lanes {
  /** As `sendItem`. */
  send(end: LaneEnd & { source: TarSource }): Promise<ItemProof>;
  /** As `receiveItem`. */
  receive(end: LaneEnd & { sink: TarSink }): Promise<ItemProof>;
}

/** One side of one lane. */
export interface LaneEnd {
  migrationId: string;
  /** The other host. */
  peer: string;
  lane: string;
  onProgress: (bytes: number) => void;
  signal: AbortSignal;
}

/** One end-to-end connection for a lane, authenticated both ways; called for each connection. */
export type Dialer = (
  role: 'source' | 'target',
  lane: Pick<LaneEnd, 'migrationId' | 'peer' | 'lane'>,
) => (signal: AbortSignal) => Promise<TLSSocket>;

export function lanesOver(dialer: Dialer, throttles: Throttles = createThrottles(null)): Lanes {
  return {
    send: ({ source, ...end }) =>
      sendItem({
        lane: end.lane,
        source,
        connect: dialer('source', end),
        pace: throttles.of(end.migrationId),
        onProgress: end.onProgress,
        signal: end.signal,
      }),
    receive: ({ sink, ...end }) =>
      receiveItem({
        lane: end.lane,
        sink,
        connect: dialer('target', end),
        onProgress: end.onProgress,
        signal: end.signal,
      }),
  };
}

interface Place {
  host: string;
  port: number;
}
const placeOf = ({ host, port }: Place) => `${host}:${port}`;

/**
 * Straight to a target that advertises an address, else through the relay that a ticket names, end to end with the peer. Relays that failed this host are named with the next
 * asks, whichever migration they are for.
 */
export function relayDialer(options: {
  identity: () => Identity;
  ticket: (ask: AskPayload<'ticket'>, signal: AbortSignal) => Promise<AskReply<'ticket'>>;
  /** Of this host as a target. */
  door?: DirectDoor | null;
  onDirectFault?: (place: Place, error: unknown) => void;
}): Dialer {
  const { identity, ticket } = options;
  const relays = createTroubles();
  const addresses = createTroubles();
  return (role, { migrationId, peer, lane }) =>
    (signal) =>
      dialPeer({
        identity,
        role,
        peer,
        session: `${migrationId}.${lane}`,
        ticket: async () => {
          const answer = await ticket({ migration_id: migrationId, lane, unreachable: relays.recent() }, signal);
          const led = answer.direct && !addresses.recent().includes(placeOf(answer.direct));
          return { ...answer, direct: led ? answer.direct : null };
        },
        door: options.door ?? null,
        onDirectFault: (place, error) => {
          addresses.add(placeOf(place));
          options.onDirectFault?.(place, error);
        },
        onRelayFault: relays.add,
        signal,
      });
}
