import { constants } from 'node:crypto';
import net from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { joinFirstByte } from '../../schema/relay-protocol.ts';
import { fleetTlsOptions, type Identity, wrongPeer } from './peer-identity.ts';
import { RelayFault, type RelayPlace, requestJoin, settleOnce } from './relay-admission.ts';

/**
 * One end-to-end connection to the peer, through a relay that both sides' tickets name: admission, join, then mutual
 * TLS 1.3 in which the target is the server and each side demands the other's exact name. Throws what the ticket
 * callback and `requestJoin` throw, and `peer_untrusted`.
 */
export async function dialPeer(options: {
  identity: () => Identity;
  role: 'source' | 'target';
  /** The host id that must answer. */
  peer: string;
  /** A fresh ticket for this lane; it is good for one dial. */
  ticket: () => Promise<{ ticket: string; relay: RelayPlace }>;
  /** Hears of a relay that cannot be reached, does not answer or has no room: another might do. */
  onRelayFault?: (relayId: string) => void;
  signal: AbortSignal;
}): Promise<TLSSocket> {
  const { ticket, relay } = await options.ticket();
  options.signal.throwIfAborted();
  const socket = await reachPeer(options.identity(), relay, ticket, options.signal).catch((error) => {
    if (error instanceof RelayFault) options.onRelayFault?.(relay.id);
    throw error;
  });
  return await startInnerTls(socket, options.identity(), options.role, options.peer, options.signal);
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
