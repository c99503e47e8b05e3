import type { TLSSocket } from 'node:tls';
import type { AskPayload, AskReply } from '../../schema/agent-protocol.ts';
import { dialPeer } from './dial.ts';
import type { Identity } from './peer-identity.ts';
import { receiveItem } from './receive.ts';
import { createRelayTroubles } from './relay-troubles.ts';
import { sendItem } from './send.ts';
import type { ItemProof, TarSink, TarSource } from './tar-ports.ts';
import { createThrottles, type Throttles } from './throttle.ts';

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

/**
 * Through the relay that a ticket names, end to end with the peer. Relays that failed this host are named with the next
 * asks, whichever migration they are for.
 */
export function relayDialer(options: {
  identity: () => Identity;
  ticket: (ask: AskPayload<'ticket'>, signal: AbortSignal) => Promise<AskReply<'ticket'>>;
}): Dialer {
  const { identity, ticket } = options;
  const troubles = createRelayTroubles();
  return (role, { migrationId, peer, lane }) =>
    (signal) =>
      dialPeer({
        identity,
        role,
        peer,
        ticket: () => ticket({ migration_id: migrationId, lane, unreachable: troubles.recent() }, signal),
        onRelayFault: troubles.add,
        signal,
      });
}
