import { constants } from 'node:crypto';
import net from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import type { JWK } from 'jose';
import { fleetTlsOptions, hostOfSocket, type Identity } from '../node/peer-identity.ts';
import { createThrottle } from '../node/throttle.ts';
import type { Address } from '../schema/address.ts';
import { limits } from '../schema/limits.ts';
import { joinFirstByte, joinKeyBytes, type RefusalCode, tlsFirstByte } from '../schema/relay-protocol.ts';
import { admit } from './admission.ts';
import { createTicketVerifier } from './join-ticket.ts';
import { createMatchmaking } from './matchmaking.ts';
import { trackUnauthenticated } from './unauthenticated.ts';

export type RelayBounds = { [K in keyof typeof limits.relay]: number };

export interface RelayStatus {
  relay_id: string;
  uptime_s: number;
  connections: number;
  waiting: number;
  /** Invited or spliced now. */
  sessions: number;
  sessions_total: number;
  /** Both directions of all sessions, open ones included. */
  bytes_total: number;
  refusals: Partial<Record<RefusalCode | 'untrusted' | 'join_key' | 'crowded_out', number>>;
}

export interface Relay {
  port: number;
  status(): RelayStatus;
  /** Refuses this host from now on, and closes its admissions and sessions. */
  revoke(hostId: string): void;
  /** Refuses new pairs of hosts, and waits up to `drainMsMax` for those that are connected. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** Listens for admissions and joins on one port. Forwards ciphertext between agents, and has no key to it. */
export async function startRelay(options: {
  identity: () => Identity;
  /** The key that the control plane signs tickets with. */
  ticketPublicJwk: () => JWK;
  /** Ids of hosts whose certificates are revoked. */
  revoked: () => ReadonlySet<string>;
  listen: Address;
  /** Bytes per second in all; unlimited if omitted. */
  bandwidthLimit?: number | undefined;
  bounds?: Partial<RelayBounds>;
}): Promise<Relay> {
  const bounds: RelayBounds = { ...limits.relay, ...options.bounds };
  const { fleetId, id: relayId } = options.identity();
  const startedAt = performance.now();
  const refusals: RelayStatus['refusals'] = {};
  const countRefusal = (code: keyof RelayStatus['refusals']) => {
    refusals[code] = (refusals[code] ?? 0) + 1;
  };
  const cutHosts = new Set<string>();
  const isRevoked = (hostId: string) => cutHosts.has(hostId) || options.revoked().has(hostId);
  const tickets = createTicketVerifier({
    fleetId,
    relayId,
    publicJwk: options.ticketPublicJwk,
    usedTicketsMax: bounds.usedTicketsMax,
  });
  const matchmaking = createMatchmaking(bounds, createThrottle(options.bandwidthLimit ?? null));
  const admissions = new Map<TLSSocket, string>();
  const connections = new Set<net.Socket>();
  const unauthenticated = trackUnauthenticated(bounds, () => countRefusal('crowded_out'));

  const tlsServer = tls.createServer({
    ...fleetTlsOptions(options.identity()),
    handshakeTimeout: bounds.handshakeMsMax,
    // A resumed session would skip the check of its certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  tlsServer.on('tlsClientError', (_error, socket) => {
    countRefusal('untrusted');
    socket.destroy();
  });
  tlsServer.on('secureConnection', (socket) => {
    const hostId = hostOfSocket(socket, fleetId);
    if (hostId === null || isRevoked(hostId)) {
      countRefusal(hostId === null ? 'untrusted' : 'revoked');
      socket.destroy();
      return;
    }
    unauthenticated.admit(socket.remoteAddress, socket.remotePort);
    admissions.set(socket, hostId);
    socket.on('close', () => admissions.delete(socket));
    admit(socket, {
      hostId,
      tickets,
      matchmaking,
      messageMsMax: bounds.messageMsMax,
      messagesMax: bounds.messagesMax,
      onRefused: countRefusal,
    });
  });

  let certPem = options.identity().certPem;
  const startTls = (socket: net.Socket) => {
    const identity = options.identity();
    if (identity.certPem !== certPem) {
      certPem = identity.certPem;
      tlsServer.setSecureContext({ ...fleetTlsOptions(identity), secureOptions: constants.SSL_OP_NO_TICKET });
    }
    tlsServer.emit('connection', socket);
  };

  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.add(socket);
    unauthenticated.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => connections.delete(socket));
    readOpening(socket, bounds, {
      tls: () => startTls(socket),
      key: (key) => {
        if (matchmaking.join(key, socket)) return unauthenticated.admit(socket.remoteAddress, socket.remotePort);
        countRefusal('join_key');
        socket.destroy();
      },
    });
  });
  server.maxConnections = bounds.connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.listen.port, options.listen.host, resolve);
  });
  server.on('error', () => {});

  return {
    port: (server.address() as net.AddressInfo).port,
    status: () => ({
      relay_id: relayId,
      uptime_s: Math.floor((performance.now() - startedAt) / 1000),
      connections: connections.size,
      ...matchmaking.counters(),
      refusals: { ...refusals },
    }),
    revoke: (hostId) => {
      cutHosts.add(hostId);
      matchmaking.cutHost(hostId);
      for (const [socket, id] of admissions) if (id === hostId) socket.destroySoon();
    },
    drain: () =>
      new Promise((resolve) => {
        const bound = setTimeout(resolve, bounds.drainMsMax);
        void matchmaking.drain().then(() => {
          clearTimeout(bound);
          resolve();
        });
      }),
    close: async () => {
      matchmaking.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** Reads a connection's first byte, and for a join its key. Puts any bytes after that back for the next reader. */
function readOpening(
  socket: net.Socket,
  bounds: { firstByteMsMax: number; joinKeyMsMax: number },
  on: { tls: () => void; key: (key: string) => void },
): void {
  let opening = Buffer.alloc(0);
  let deadline = setTimeout(() => socket.destroy(), bounds.firstByteMsMax);
  const fail = () => socket.destroy();
  const settle = (rest: Buffer) => {
    stop();
    socket.pause();
    if (rest.length > 0) socket.unshift(rest);
  };
  const take = (bytes: Buffer) => {
    if (opening.length === 0) {
      clearTimeout(deadline);
      deadline = setTimeout(fail, bounds.joinKeyMsMax);
    }
    opening = Buffer.concat([opening, bytes]);
    if (opening[0] === tlsFirstByte) {
      settle(opening);
      return on.tls();
    }
    if (opening[0] !== joinFirstByte) return fail();
    if (opening.length < 1 + joinKeyBytes) return;
    settle(opening.subarray(1 + joinKeyBytes));
    on.key(opening.subarray(1, 1 + joinKeyBytes).toString('hex'));
  };
  const stop = () => {
    clearTimeout(deadline);
    socket.off('data', take);
    socket.off('end', fail);
    socket.off('close', stop);
  };
  socket.on('data', take);
  socket.on('end', fail);
  socket.on('close', stop);
}
