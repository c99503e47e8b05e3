import type { Identity } from '../../node/peer-identity.ts';
import { createThrottles, type Throttles } from '../../node/throttle.ts';
import type { Address } from '../../schema/address.ts';
import type { AskPayload, AskReply } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { ticketSession } from '../../schema/relay-protocol.ts';
import { dialPeer } from './dial.ts';
import type { DirectDoor } from './direct-door.ts';
import { dialEarly, type EarlyDials } from './early-dial.ts';
import { receiveItem } from './receive.ts';
import type { Dialer, LanePeer } from './reconnect.ts';
import { sendItem } from './send.ts';
import { createStripeBudget } from './stripe-budget.ts';
import type { ItemProof, PassedItem, TarSink, TarSource, VerifiedEarlier } from './tar-ports.ts';
import { createTroubles } from './troubles.ts';

/** How the items of a migration reach the peer: the commands' view of the data plane. */
export interface Lanes {
  send(end: LaneEnd & { source: TarSource }): Promise<ItemProof>;
  receive(end: LaneEnd & { sink: TarSink }): Promise<ItemProof>;
  /** Dials for lanes to come. */
  dialEarly: EarlyDials['begin'];
  hangUp: EarlyDials['hangUp'];
}

export interface LaneEnd extends LanePeer {
  /** The stack that the lane belongs to. */
  project: string;
  onProgress: (bytes: number) => void;
  /** Target: the destination then holds the item, and must not be emptied before. */
  earlier: VerifiedEarlier | null;
  /** Target: called with the stack that the peer says it sends, null if it does not say. Throws to refuse it. */
  onNamed: (project: string | null) => void;
  /** Stores that the item has passed, or with null that it has to pass again. */
  record: (passed: PassedItem | null) => Promise<void>;
  /** Target: the destination holds all of it and may be read, unless `record` is called with null after that. */
  onUnpacked?: () => void;
  signal: AbortSignal;
}

export function lanesOver(dialer: Dialer, throttles: Throttles = createThrottles(null)): Lanes {
  const stripes = createStripeBudget(limits.stream.stripesPerAgentMax);
  const early = dialEarly(dialer);
  return {
    dialEarly: early.begin,
    hangUp: early.hangUp,
    send: ({ source, ...end }) =>
      sendItem({
        lane: end.lane,
        project: end.project,
        source,
        connect: early.dial('source', end),
        pace: throttles.of(end.migrationId),
        stripes,
        onProgress: end.onProgress,
        record: end.record,
        signal: end.signal,
      }),
    receive: ({ sink, ...end }) =>
      receiveItem({
        lane: end.lane,
        sink,
        connect: early.dial('target', end),
        onProgress: end.onProgress,
        stripes,
        onNamed: end.onNamed,
        earlier: end.earlier,
        record: end.record,
        ...(end.onUnpacked ? { onUnpacked: end.onUnpacked } : {}),
        signal: end.signal,
      }),
  };
}

/** The name that a stripe's tickets and session have. Its HELLO says which stream it belongs to. */
const nameOf = (lane: string, stripe: number) => (stripe === 0 ? lane : `${lane}~${stripe}`);

const placeOf = ({ host, port }: Address) => `${host}:${port}`;

/**
 * Connects directly to a target that can be reached, else through the relay that a ticket names. Relays that
 * failed this host are reported with the next ticket requests, for any migration. A stripe reports nothing: it may fail
 * because the peer or the relay has no room for more.
 */
export function relayDialer(options: {
  identity: () => Identity;
  ticket: (ask: AskPayload<'ticket'>, signal: AbortSignal) => Promise<AskReply<'ticket'>>;
  door?: DirectDoor | null;
  onDirectFault?: (place: Address, error: unknown) => void;
}): Dialer {
  const { identity, ticket } = options;
  const relays = createTroubles();
  const addresses = createTroubles();
  return (role, { migrationId, peer, lane, early = false }) =>
    (signal, stripe = 0) =>
      dialPeer({
        identity,
        role,
        peer,
        early,
        session: ticketSession(migrationId, nameOf(lane, stripe)),
        ticket: async () => {
          const ask = { migration_id: migrationId, lane: nameOf(lane, stripe), unreachable: relays.recent() };
          const answer = await ticket(ask, signal);
          const told = [...(answer.direct ? [answer.direct] : []), ...answer.addresses];
          const failed = addresses.recent();
          return { ...answer, places: told.filter((place) => !failed.includes(placeOf(place))) };
        },
        door: options.door ?? null,
        onDirectFault: (place, error) => {
          if (stripe > 0) return;
          addresses.add(placeOf(place));
          options.onDirectFault?.(place, error);
        },
        onRelayFault: (relay) => void (stripe === 0 && relays.add(relay)),
        signal,
      });
}
