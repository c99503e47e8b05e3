import { createHash, randomBytes } from 'node:crypto';
import type net from 'node:net';
import { Readable, Writable } from 'node:stream';
import { chunkDigest } from '../../agent/transfer/chunk-digest.ts';
import type { StreamBounds } from '../../agent/transfer/frame-connection.ts';
import { relayDialer } from '../../agent/transfer/lanes.ts';
import { receiveItem } from '../../agent/transfer/receive.ts';
import type { Connect, TransferEvent } from '../../agent/transfer/reconnect.ts';
import { sendItem } from '../../agent/transfer/send.ts';
import type { StripeBudget } from '../../agent/transfer/stripe-budget.ts';
import type { PassedItem, TarSink, TarSource, VerifiedEarlier } from '../../agent/transfer/tar-ports.ts';
import type { Identity } from '../../node/peer-identity.ts';
import type { Pace } from '../../node/throttle.ts';
import { type RelayBounds, startRelay } from '../../relay/listener.ts';
import { limits } from '../../schema/limits.ts';
import { chunkKeyBytes } from '../../schema/volume-stream.ts';
import { type CertificateOptions, createTestFleet, type TestFleet } from '../support/certificates.ts';
import { startTap, type Tap } from './tap.ts';

/** A relay, a tap in front of it, and the two sides of one lane, all in this process over real sockets. */
export interface LaneRig {
  fleet: TestFleet;
  /** What each shows of itself from now on. */
  identities: Record<'relay' | 'source' | 'target', Identity>;
  tap: Tap;
  relay: Awaited<ReturnType<typeof startRelay>>;
  connect(role: 'source' | 'target'): Connect;
  send(source: TarSource, options?: LaneOptions): ReturnType<typeof sendItem>;
  receive(sink: TarSink, options?: LaneOptions): ReturnType<typeof receiveItem>;
  /** Restarts the relay on its port. */
  restartRelay(): Promise<void>;
  close(): Promise<void>;
}

export interface LaneOptions {
  bounds?: Partial<StreamBounds>;
  signal?: AbortSignal;
  observe?: (event: TransferEvent) => void;
  onProgress?: (bytes: number) => void;
  record?: (passed: PassedItem | null) => Promise<void>;
  /** Target only. */
  earlier?: VerifiedEarlier | null;
  connect?: Connect;
  stripes?: StripeBudget;
  /** Source only. */
  pace?: Pace;
}

export async function startLaneRig(relayBounds: Partial<RelayBounds> = {}): Promise<LaneRig> {
  const fleet = await createTestFleet();
  const identities = await newIdentities(fleet);
  const listen = (port: number) =>
    startRelay({
      identity: () => identities.relay,
      ticketPublicJwk: () => fleet.ticketJwk,
      revoked: () => new Set(),
      listen: { host: '127.0.0.1', port },
      bounds: relayBounds,
    });
  let relay = await listen(0);
  const { port } = relay;
  const tap = await startTap(port);

  const connect: LaneRig['connect'] = (role) => {
    const peerRole = role === 'source' ? 'target' : 'source';
    return (signal, stripe) => {
      const [host, peer] = [identities[role].id, identities[peerRole].id];
      const dial = relayDialer({
        identity: () => identities[role],
        ticket: async ({ lane }) => ({
          ticket: await fleet.ticket({ host, peer, role, lane }),
          relay: { id: 'relay-1', host: '127.0.0.1', port: tap.port },
          bandwidth_limit: null,
          direct: null,
          addresses: [],
        }),
      });
      return dial(role, { migrationId: 'migration-1', peer, lane: 'data' })(signal, stripe);
    };
  };
  const common = (role: 'source' | 'target', options: LaneOptions) => ({
    lane: 'data',
    connect: options.connect ?? connect(role),
    onProgress: options.onProgress ?? (() => {}),
    record: options.record ?? (async () => {}),
    signal: options.signal ?? new AbortController().signal,
    ...(options.stripes ? { stripes: options.stripes } : {}),
    ...(options.observe ? { observe: options.observe } : {}),
    ...(options.bounds ? { bounds: options.bounds } : {}),
  });
  return {
    fleet,
    identities,
    tap,
    get relay() {
      return relay;
    },
    connect,
    send: (source, options = {}) =>
      sendItem({ source, newKey, ...common('source', options), ...(options.pace ? { pace: options.pace } : {}) }),
    receive: (sink, options = {}) =>
      receiveItem({ sink, earlier: options.earlier ?? null, ...common('target', options) }),
    restartRelay: async () => {
      await relay.close();
      relay = await listen(port);
    },
    close: async () => {
      await tap.close();
      await relay.close();
    },
  };
}

/** Certificates of the relay and both hosts, as an enrolment or a renewal gives them. */
export async function newIdentities(
  fleet: TestFleet,
  options: CertificateOptions = {},
): Promise<LaneRig['identities']> {
  return {
    relay: await fleet.identity('relay', 'relay-1', options),
    source: await fleet.identity('host', 'host-a', options),
    target: await fleet.identity('host', 'host-b', options),
  };
}

/** A tar of these bytes, handed out in pieces as a pipe would. */
export function tarOf(
  bytes: Buffer,
  options: { piece?: number; finished?: () => Promise<void> } = {},
): TarSource & { opens: number } {
  const source = {
    opens: 0,
    open: async () => {
      source.opens += 1;
      const stream = Readable.from(pieces(bytes, options.piece ?? 65_536), { objectMode: false });
      const finished = options.finished?.() ?? new Promise<void>((resolve) => stream.once('close', resolve));
      finished.catch(() => {});
      return { stream, finished };
    },
  };
  return source;
}

function* pieces(bytes: Buffer, size: number) {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

export interface CollectingSink extends TarSink {
  bytes(): Buffer;
  opens: number;
  resets: number;
}

/** Keeps what it is given. `slow` delays each write; `exit` decides how the unpacker ends once the stream did. */
export function collectingSink(
  options: { onWrite?: (total: number) => Promise<void> | void; exit?: () => Promise<void> } = {},
): CollectingSink {
  let parts: Buffer[] = [];
  let total = 0;
  const sink: CollectingSink = {
    opens: 0,
    resets: 0,
    bytes: () => Buffer.concat(parts),
    reset: async () => {
      sink.resets += 1;
      parts = [];
      total = 0;
    },
    open: async (signal) => {
      sink.opens += 1;
      const stream = new Writable({
        write: (data: Buffer, _encoding, done) => {
          parts.push(Buffer.from(data));
          total += data.length;
          Promise.resolve(options.onWrite?.(total)).then(() => done(), done);
        },
      });
      const finished = new Promise<void>((resolve, reject) => {
        stream.once('finish', () => (options.exit?.() ?? Promise.resolve()).then(resolve, reject));
        stream.once('error', reject);
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
      finished.catch(() => {});
      return { stream, finished };
    },
  };
  return sink;
}

/** Bytes that end as a tar does, in zeros. */
export function tarLike(bytes: number): Buffer {
  return Buffer.concat([randomBytes(bytes - 10_240), Buffer.alloc(10_240)]);
}

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The digest of an item that goes in these chunks without a key. */
export const itemDigest = (...chunks: Buffer[]) =>
  sha256(Buffer.concat(chunks.map((chunk) => Buffer.from(sha256(chunk), 'hex'))));

const key = Buffer.alloc(chunkKeyBytes, 7);
/** Of all that is sent in these tests. */
export const newKey = () => key;
const digestOfChunk = chunkDigest(key);

/** The digest of these bytes as the rig sends them: cut into chunks, with its key. */
export const digestOf = (bytes: Buffer) =>
  sha256(Buffer.concat([...pieces(bytes, limits.stream.chunkBytesMax)].map((data, at) => digestOfChunk(at, data))));

export const closed = (socket: net.Socket) =>
  new Promise<void>((resolve) => {
    socket.resume();
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
