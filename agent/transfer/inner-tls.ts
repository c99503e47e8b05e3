import { constants } from 'node:crypto';
import type net from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { fleetTlsOptions, type Identity, wrongPeer } from '../../node/peer-identity.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { settleOnce } from './relay-admission.ts';

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
