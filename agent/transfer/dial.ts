import { constants } from 'node:crypto';
import net from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { joinFirstByte } from '../../schema/relay-protocol.ts';
import { sleep } from '../sleep.ts';
import { dialDirect } from './direct-dial.ts';
import type { DirectDoor } from './direct-door.ts';
import { fleetTlsOptions, type Identity, wrongPeer } from './peer-identity.ts';
import { RelayFault, type RelayPlace, requestJoin, settleOnce } from './relay-admission.ts';

interface Place {
  host: string;
  port: number;
}

/**
 * One end-to-end connection to the peer, straight where it advertises an address and this host is the
 * source, else through a relay that both sides' tickets name: admission, join; then mutual
 * TLS 1.3 in which the target is the server and each side demands the other's exact name. Throws what the ticket
 * callback and `requestJoin` throw, and `peer_untrusted`.
 */
export async function dialPeer(options: {
  identity: () => Identity;
  role: 'source' | 'target';
  /** The host id that must answer. */
  peer: string;
  /** What both sides ask for: `<migration id>.<lane>`. */
  session: string;
  /** A fresh ticket for this lane; it is good for one dial. `direct`: an address of the peer's own. */
  ticket: () => Promise<{ ticket: string; relay: RelayPlace; direct?: Place | null }>;
  /** Where the source may come to, past the relay. */
  door?: DirectDoor | null;
  /** Hears of an address of the peer's own that led nowhere. */
  onDirectFault?: (place: Place, error: unknown) => void;
  /** Hears of a relay that cannot be reached, does not answer or has no room: another might do. */
  onRelayFault?: (relayId: string) => void;
  signal: AbortSignal;
}): Promise<TLSSocket> {
  const { ticket, relay, direct } = await options.ticket();
  options.signal.throwIfAborted();
  const throughRelay = (signal: AbortSignal) =>
    reachPeer(options.identity(), relay, ticket, signal).catch((error) => {
      if (error instanceof RelayFault) options.onRelayFault?.(relay.id);
      throw error;
    });
  const socket =
    (await straight(options, direct ?? null)) ??
    (options.role === 'target' && options.door
      ? await eitherWay(options.door, options, throughRelay)
      : await throughRelay(options.signal));
  return await startInnerTls(socket, options.identity(), options.role, options.peer, options.signal);
}

type Way = Pick<Parameters<typeof dialPeer>[0], 'role' | 'session' | 'signal' | 'onDirectFault'>;

/** As the source; null where there is no such way. */
async function straight({ role, session, signal, onDirectFault }: Way, place: Place | null) {
  if (role !== 'source' || !place) return null;
  try {
    return await dialDirect(place, session, signal);
  } catch (error) {
    signal.throwIfAborted();
    onDirectFault?.(place, error);
    return null;
  }
}

/** As the target: whichever way the source comes. A relay that fails leaves it the time to come straight. */
async function eitherWay(
  door: DirectDoor,
  { session, signal }: Way,
  throughRelay: (signal: AbortSignal) => Promise<net.Socket>,
): Promise<net.Socket> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const came = door.wait(session, both);
  const relayed = throughRelay(both).catch(async (error) => {
    await sleep(limits.direct.goMsMax, both);
    throw error;
  });
  let taken: net.Socket | null = null;
  try {
    taken = await Promise.race([came, relayed]);
    return taken;
  } finally {
    over.abort(new StackferryError('cancelled', 'The peer came another way'));
    const drop = (socket: net.Socket) => void (socket !== taken && socket.destroy());
    for (const way of [came, relayed]) way.then(drop, () => {});
  }
}

async function reachPeer(
  identity: Identity,
  relay: RelayPlace,
  ticket: string,
  signal: AbortSignal,
): Promise<net.Socket> {
  const key = await requestJoin(identity, relay, ticket, signal);
  return await joinWithKey(relay, key, signal);
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

/** Mutual TLS with the peer over a socket that leads to it. Owns the socket: it is destroyed on failure. */
export async function startInnerTls(
  socket: net.Socket,
  identity: Identity,
  role: 'source' | 'target',
  peer: string,
  signal: AbortSignal,
  handshakeMsMax: number = limits.stream.handshakeMsMax,
): Promise<TLSSocket> {
  try {
    return await settleOnce<TLSSocket>(socket, handshakeMsMax, signal, (resolve, reject) => {
      const untrusted = (cause: Error) =>
        reject(
          new StackferryError('peer_untrusted', `No trusted connection to host ${peer}: ${cause.message}`, { cause }),
        );
      socket.on('error', untrusted);
      (role === 'source' ? secureAsClient : secureAsServer)(socket, identity, peer, resolve, untrusted);
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

type Settle = (
  socket: net.Socket,
  identity: Identity,
  peer: string,
  resolve: (secure: TLSSocket) => void,
  reject: (cause: Error) => void,
) => void;

const secureAsClient: Settle = (socket, identity, peer, resolve, reject) => {
  const secure = tls.connect({
    ...fleetTlsOptions(identity),
    socket,
    servername: '',
    checkServerIdentity: (_host, certificate) => wrongPeer(certificate, identity.fleetId, 'host', peer),
  });
  secure.on('error', reject);
  // The server has yet to judge our certificate; the stream's first answer shows that it did.
  secure.once('secureConnect', () => resolve(secure));
};

/** Through a server that never listens: a bare `new TLSSocket(…, { isServer: true })` took another CA's certificate. */
const secureAsServer: Settle = (socket, identity, peer, resolve, reject) => {
  const server = tls.createServer({
    ...fleetTlsOptions(identity),
    handshakeTimeout: limits.stream.handshakeMsMax,
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  server.on('tlsClientError', (error, secure) => {
    // A certificate that is refused for its dates closes the connection without an error of its own.
    reject(secure.authorizationError ? new Error(String(secure.authorizationError)) : error);
  });
  server.on('secureConnection', (secure) => {
    const wrong = wrongPeer(secure.getPeerCertificate(), identity.fleetId, 'host', peer);
    secure.on('error', () => secure.destroy());
    if (wrong) {
      secure.destroy();
      reject(wrong);
    } else resolve(secure);
  });
  server.emit('connection', socket);
};
