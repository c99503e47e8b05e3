import net from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { fleetTlsOptions, type Identity } from '../../node/peer-identity.ts';
import { type Relay, type RelayBounds, startRelay } from '../../relay/listener.ts';
import {
  encodeRelayMessage,
  joinFirstByte,
  type RelayAnswer,
  type RelayRequest,
  readRelayMessage,
  relayAnswer,
} from '../../schema/relay-protocol.ts';
import { createTestFleet, type TestFleet, type TicketOptions } from '../support/certificates.ts';

/** A relay, and agents that speak to it by hand. */
export interface RelayRig {
  fleet: TestFleet;
  relay: Relay;
  revoked: Set<string>;
  /** A TLS connection to the relay; null where the relay hung up during or right after the handshake. */
  secure(identity: Partial<Identity>): Promise<RawAgent | null>;
  /** One message and its answer; null where the relay hung up instead. */
  ask(identity: Identity, request: RelayRequest): Promise<RelayAnswer | null>;
  join(host: string, ticket: Partial<TicketOptions>): Promise<RelayAnswer | null>;
  /** Two matching joins of host-a and host-b; their keys. */
  invite(lane: string): Promise<[string, string]>;
  /** A plain connection that spends a join key. */
  spend(key: string): Promise<net.Socket>;
  plain(bytes: Buffer): Promise<net.Socket>;
  close(): Promise<void>;
}

export interface RawAgent {
  socket: TLSSocket;
  say(bytes: Uint8Array): void;
  answer(): Promise<RelayAnswer | null>;
}

export async function startRelayRig(bounds: Partial<RelayBounds> = {}): Promise<RelayRig> {
  const fleet = await createTestFleet();
  const relayIdentity = await fleet.identity('relay', 'relay-1');
  const revoked = new Set<string>();
  const relay = await startRelay({
    identity: () => relayIdentity,
    ticketPublicJwk: () => fleet.ticketJwk,
    revoked: () => revoked,
    listen: { host: '127.0.0.1', port: 0 },
    bounds,
  });
  const open = new Set<net.Socket>();
  const keep = <T extends net.Socket>(socket: T): T => {
    open.add(socket);
    socket.on('error', () => {});
    return socket;
  };

  const secure: RelayRig['secure'] = (identity) =>
    new Promise((resolve) => {
      const { key, cert, ca } = fleetTlsOptions(identity as Identity);
      const socket = keep(
        tls.connect({
          port: relay.port,
          host: '127.0.0.1',
          ca: ca ?? fleet.caPem,
          ...(key && cert ? { key, cert } : {}),
          checkServerIdentity: () => undefined,
        }),
      );
      socket.once('close', () => resolve(null));
      socket.once('secureConnect', () => resolve(rawAgent(socket)));
    });

  const ask: RelayRig['ask'] = async (identity, request) => {
    const agent = await secure(identity);
    agent?.say(encodeRelayMessage(request));
    return (await agent?.answer()) ?? null;
  };

  const join: RelayRig['join'] = async (host, ticket) =>
    ask(await fleet.identity('host', host), {
      type: 'join',
      ticket: await fleet.ticket({
        host,
        peer: host === 'host-a' ? 'host-b' : 'host-a',
        role: host === 'host-a' ? 'source' : 'target',
        ...ticket,
      }),
    });

  const plain: RelayRig['plain'] = (bytes) =>
    new Promise((resolve) => {
      const socket = keep(net.connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: false }));
      socket.once('connect', () => {
        socket.write(bytes);
        resolve(socket);
      });
    });

  return {
    fleet,
    relay,
    revoked,
    secure,
    ask,
    join,
    invite: async (lane) => {
      const answers = await Promise.all([join('host-a', { lane }), join('host-b', { lane })]);
      return answers.map((answer) => {
        if (answer?.type !== 'invited') throw new Error(`not invited: ${JSON.stringify(answer)}`);
        return answer.key;
      }) as [string, string];
    },
    plain,
    spend: (key) => plain(Buffer.concat([Buffer.of(joinFirstByte), Buffer.from(key, 'hex')])),
    close: async () => {
      for (const socket of open) socket.destroy();
      await relay.close();
    },
  };
}

function rawAgent(socket: TLSSocket): RawAgent {
  let received = Buffer.alloc(0);
  let ended = false;
  let wake = () => {};
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    wake();
  });
  socket.on('close', () => {
    ended = true;
    wake();
  });
  return {
    socket,
    say: (bytes) => void socket.write(bytes),
    answer: async () => {
      for (;;) {
        const read = readRelayMessage(received);
        if (read.kind === 'message') {
          received = Buffer.from(read.rest);
          return relayAnswer.parse(read.value);
        }
        if (ended) return null;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

export const closed = (socket: net.Socket) =>
  new Promise<void>((resolve) => {
    socket.resume();
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });

/** The next bytes a socket gives. */
export const nextBytes = (socket: net.Socket) =>
  new Promise<string>((resolve) => socket.once('data', (bytes: Buffer) => resolve(bytes.toString())));
