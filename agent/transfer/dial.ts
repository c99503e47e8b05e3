import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Identity } from '../../node/peer-identity.ts';
import { sleep } from '../../node/sleep.ts';
import type { Address } from '../../schema/address.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { joinFirstByte } from '../../schema/relay-protocol.ts';
import { dialDirectly } from './direct-dial.ts';
import type { DirectDoor } from './direct-door.ts';
import { startInnerTls } from './inner-tls.ts';
import { RelayFault, type RelayPlace, requestJoin, settleOnce } from './relay-admission.ts';

interface DialOptions {
  identity: () => Identity;
  role: 'source' | 'target';
  peer: string;
  /** The session that both sides ask for, as in the ticket. */
  session: string;
  /** Returns a fresh ticket for this lane, valid for one dial. `places`: of a source's peer, where it waits itself. */
  ticket: () => Promise<{ ticket: string; relay: RelayPlace; places?: Address[] }>;
  /** Of a target that lets sources past the relay. */
  door?: Pick<DirectDoor, 'wait'> | null;
  /**
   * The target may not wait yet: a source that reached it directly in vain gives up. It neither blames the address nor
   * takes the relay, which may be slower.
   */
  early?: boolean;
  /** Called with a peer's own address that could not be reached. */
  onDirectFault?: (place: Address, error: unknown) => void;
  /** Called for a relay that can't be reached, does not answer or is full: another one might work. */
  onRelayFault?: (relayId: string) => void;
  signal: AbortSignal;
}

/**
 * Opens one end-to-end connection to the peer. The source chooses the way: directly, if the target can be reached at one of
 * its own addresses about as soon as the relay admits, else through the relay that both sides' tickets name: admission,
 * then join. On top runs mutual TLS 1.3, with the target as the server; each side requires the other's exact name. Throws
 * what the ticket callback and `requestJoin` throw, and `peer_untrusted`.
 */
export async function dialPeer(options: DialOptions): Promise<TLSSocket> {
  const { ticket, relay, places = [] } = await options.ticket();
  const { role, signal } = options;
  signal.throwIfAborted();
  const relayed: Relayed = {
    admit: (until) => requestJoin(options.identity(), relay, ticket, until).catch(blame),
    join: (key, until) => joinWithKey(relay, key, until).catch(blame),
  };
  function blame(error: unknown): never {
    if (error instanceof RelayFault) options.onRelayFault?.(relay.id);
    throw error;
  }
  const socket = await (role === 'source' && places.length > 0
    ? reachAsSource(places, relayed, options)
    : role === 'target' && options.door
      ? awaitAsTarget(options.door, relayed, options)
      : relayed.admit(signal).then((key) => relayed.join(key, signal)));
  return await startInnerTls(socket, options.identity(), role, options.peer, signal);
}

/** Both steps of the way through the relay. */
interface Relayed {
  admit(signal: AbortSignal): Promise<string>;
  join(key: string, signal: AbortSignal): Promise<net.Socket>;
}

type Way = Pick<DialOptions, 'session' | 'signal' | 'early' | 'onDirectFault'>;

/**
 * Asks the target and the relay at the same time. Once a connection to the target stands, the relay is not joined: the
 * target may have taken that connection already.
 */
async function reachAsSource(places: Address[], relayed: Relayed, way: Way) {
  const { session, signal, early = false, onDirectFault } = way;
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const direct = dialDirectly(places, session, both, (place, error) => {
    if (!early || !direct.stands()) onDirectFault?.(place, error);
  });
  const admitted = relayed.admit(both);
  admitted.catch(() => {});
  try {
    const late = admitted.then(
      () => sleep(limits.direct.graceMsMax, both),
      () => direct.connected,
    );
    await Promise.race([direct.connected, late]).catch(() => {});
    if (direct.stands()) {
      const socket = await direct.socket;
      if (socket) return socket;
      if (early) throw new StackferryError('relay_unavailable', 'The target does not wait for the lane yet');
    }
    direct.close();
    return await relayed.join(await admitted, signal);
  } finally {
    over.abort(new StackferryError('cancelled', 'The other way was taken'));
  }
}

/**
 * Waits on both ways until the source speaks on one: it may take the direct one after both were admitted to the relay. If
 * the relay fails, the source still gets time to connect directly.
 */
async function awaitAsTarget(
  door: Pick<DirectDoor, 'wait'>,
  relayed: Relayed,
  { session, signal }: Way,
): Promise<net.Socket> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const direct = door.wait(session, both);
  const throughRelay = relayed
    .admit(both)
    .then((key) => relayed.join(key, both))
    .then((socket) => spokenTo(socket, both))
    .catch(async (error) => {
      await sleep(limits.direct.goMsMax, both);
      throw error;
    });
  let taken: net.Socket | null = null;
  try {
    taken = await Promise.race([direct, throughRelay]);
    return taken;
  } finally {
    over.abort(new StackferryError('cancelled', 'The peer used the other route'));
    const drop = (socket: net.Socket) => void (socket !== taken && socket.destroy());
    for (const way of [direct, throughRelay]) way.then(drop, () => {});
  }
}

async function spokenTo(socket: net.Socket, signal: AbortSignal): Promise<net.Socket> {
  try {
    await settleOnce<void>(socket, limits.stream.handshakeMsMax, signal, (resolve, reject) => {
      socket.once('error', reject);
      socket.once('readable', resolve);
    });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function joinWithKey(relay: RelayPlace, key: string, signal: AbortSignal): Promise<net.Socket> {
  const socket = net.connect({ host: relay.host, port: relay.port, noDelay: true });
  try {
    await settleOnce<void>(socket, limits.stream.connectMsMax, signal, (resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', (cause) =>
        reject(new StackferryError('relay_unavailable', `The relay cannot be reached: ${cause.message}`, { cause })),
      );
    });
    socket.write(Buffer.concat([Buffer.of(joinFirstByte), Buffer.from(key, 'hex')]));
    return socket;
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? error : new RelayFault(error);
  }
}
