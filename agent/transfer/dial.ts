import { constants } from 'node:crypto';
import net from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { fleetTlsOptions, type Identity, wrongPeer } from '../../node/peer-identity.ts';
import { sleep } from '../../node/sleep.ts';
import type { Address } from '../../schema/address.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { joinFirstByte } from '../../schema/relay-protocol.ts';
import { dialDirect } from './direct-dial.ts';
import type { DirectListener } from './direct-listener.ts';
import { RelayFault, type RelayPlace, requestJoin, settleOnce } from './relay-admission.ts';

/**
 * Opens one end-to-end connection to the peer. A source connects directly if the target advertises an address, else
 * through the relay that both sides' tickets name: admission, then join. On top runs mutual TLS 1.3, with the target as
 * the server; each side requires the other's exact name. Throws what the ticket callback and `requestJoin` throw, and
 * `peer_untrusted`.
 */
export async function dialPeer(options: {
  identity: () => Identity;
  role: 'source' | 'target';
  peer: string;
  /** The session that both sides ask for: `<migration id>.<lane>`. */
  session: string;
  /** Returns a fresh ticket for this lane, valid for one dial. `direct`: the peer's own address. */
  ticket: () => Promise<{ ticket: string; relay: RelayPlace; direct?: Address | null }>;
  directListener?: DirectListener | null;
  /** Called with a peer's own address that could not be reached. */
  onDirectFault?: (place: Address, error: unknown) => void;
  /** Called for a relay that can't be reached, does not answer or is full: another one might work. */
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
    (await connectDirectly(options, direct ?? null)) ??
    (options.role === 'target' && options.directListener
      ? await raceDirectAndRelay(options.directListener, options, throughRelay)
      : await throughRelay(options.signal));
  return await startInnerTls(socket, options.identity(), options.role, options.peer, options.signal);
}

type Way = Pick<Parameters<typeof dialPeer>[0], 'role' | 'session' | 'signal' | 'onDirectFault'>;

/** Connects a source directly; null if that is not possible. */
async function connectDirectly({ role, session, signal, onDirectFault }: Way, place: Address | null) {
  if (role !== 'source' || !place) return null;
  try {
    return await dialDirect(place, session, signal);
  } catch (error) {
    signal.throwIfAborted();
    onDirectFault?.(place, error);
    return null;
  }
}

/** As the target, waits on both routes. If the relay fails, the source still gets time to connect directly. */
async function raceDirectAndRelay(
  directListener: DirectListener,
  { session, signal }: Way,
  throughRelay: (signal: AbortSignal) => Promise<net.Socket>,
): Promise<net.Socket> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const direct = directListener.wait(session, both);
  const relayed = throughRelay(both).catch(async (error) => {
    await sleep(limits.direct.goMsMax, both);
    throw error;
  });
  let taken: net.Socket | null = null;
  try {
    taken = await Promise.race([direct, relayed]);
    return taken;
  } finally {
    over.abort(new StackferryError('cancelled', 'The peer used the other route'));
    const drop = (socket: net.Socket) => void (socket !== taken && socket.destroy());
    for (const way of [direct, relayed]) way.then(drop, () => {});
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

/** Runs mutual TLS with the peer over a connected socket. Owns the socket: destroys it on failure. */
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
  // The server has yet to check our certificate; its first stream frame shows that it did.
  secure.once('secureConnect', () => resolve(secure));
};

/** Never listens: a bare `new TLSSocket(…, { isServer: true })` accepted another CA's certificate. */
const secureAsServer: Settle = (socket, identity, peer, resolve, reject) => {
  const server = tls.createServer({
    ...fleetTlsOptions(identity),
    handshakeTimeout: limits.stream.handshakeMsMax,
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  server.on('tlsClientError', (error, secure) => {
    // A certificate refused for its dates closes the connection without an error of its own.
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
