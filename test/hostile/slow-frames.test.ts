import { setTimeout as delay } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dialPeer } from '../../agent/transfer/dial.ts';
import { encodeAck, encodeControl, type Frame } from '../../agent/transfer/frame-codec.ts';
import type { TransferEvent } from '../../agent/transfer/reconnect.ts';
import {
  collectingSink,
  digestOf,
  itemDigest,
  type LaneRig,
  startLaneRig,
  tarLike,
  tarOf,
} from '../transfer/lane-rig.ts';
import { chunkFrame, framesOf, helloFrame, welcomeFrame } from '../transfer/raw-peer.ts';

/** A peer with a real certificate that never comes to an end: nothing breaks the protocol, it only takes time or room. */

type Role = 'source' | 'target';
const mib = 1_048_576;
const data = Buffer.from('some bytes of a tar');
const bounds = { frameMsMax: 400, reconnectMsMax: 300, patienceMsMax: 300, silenceMsMax: 300, aliveIntervalMs: 100 };
let rig: LaneRig;
let events: TransferEvent[];
let drips: NodeJS.Timeout[];
beforeEach(async () => {
  rig = await startLaneRig();
  events = [];
  drips = [];
});
afterEach(async () => {
  for (const drip of drips) clearInterval(drip);
  await rig.close();
});

const observe = (event: TransferEvent) => events.push(event);
const interruptions = () => events.flatMap((event) => (event.kind === 'interrupted' ? [event.error.message] : []));

const rawOf = (socket: TLSSocket) => ({
  socket,
  frames: framesOf(socket),
  say: (...frames: Buffer[]) => socket.write(Buffer.concat(frames)),
});
type Raw = ReturnType<typeof rawOf>;
const dialRaw = async (role: Role) => rawOf(await rig.connect(role)(AbortSignal.timeout(10_000)));

/** Straight to the relay: the tap would keep a connection whose other end is gone. */
const pastTheTap = (role: Role, lane: string) => async (signal: AbortSignal) => {
  const [host, peer] = role === 'source' ? ['host-a', 'host-b'] : ['host-b', 'host-a'];
  const ticket = await rig.fleet.ticket({ host, peer, role, lane });
  return dialPeer({
    identity: () => rig.identities[role],
    role,
    peer,
    session: `migration-1.${lane}`,
    ticket: async () => ({ ticket, relay: { id: 'relay-1', host: '127.0.0.1', port: rig.relay.port } }),
    signal,
  });
};

/** Says these bytes one by one, each well before the silence is noticed, and again without end. */
function drip({ socket }: Raw, bytes: Buffer): void {
  let at = 0;
  const timer = setInterval(() => socket.write(bytes.subarray(at, at + 1), () => (at = (at + 1) % bytes.length)), 40);
  drips.push(timer);
  socket.once('close', () => clearInterval(timer));
}

/** As `chunkFrame` makes them, in one go. */
function chunksOfOneByte(count: number): Buffer {
  const one = chunkFrame(0, Buffer.of(1));
  const all = Buffer.alloc(count * one.length, one);
  for (let sequence = 0; sequence < count; sequence++) all.writeUInt32BE(sequence, sequence * one.length + 5);
  return all;
}

async function heard({ frames }: Raw, name: Frame['name']): Promise<void> {
  for (let frame = await frames.next(); frame?.name !== name; frame = await frames.next())
    if (!frame) throw new Error(`the connection was closed before "${name}"`);
}

/** Another lane, through the same relay and between the same agents, is carried meanwhile. */
async function othersAreCarried(): Promise<void> {
  const bytes = tarLike(4 * mib);
  const [sent] = await Promise.all([
    rig.send(tarOf(bytes), { connect: pastTheTap('source', 'other') }),
    rig.receive(collectingSink(), { connect: pastTheTap('target', 'other') }),
  ]);
  expect(sent.sha256).toBe(digestOf(bytes));
}

describe('a source without an end', () => {
  it.each([
    ['a chunk', chunkFrame(0, Buffer.alloc(mib, 7))],
    [
      'an END',
      encodeControl('end', { chunks: 1, bytes: data.length, sha256: itemDigest(data), more: 'x'.repeat(4_000) }),
    ],
  ])('B29 that sends %s byte by byte: the item ends and says why, others go on', async (_, frame) => {
    const sink = collectingSink();
    const receiving = rig.receive(sink, { observe, bounds });
    const ended = expect(receiving).rejects.toMatchObject({
      code: 'transfer_interrupted',
      message: expect.stringContaining('does not end its frame'),
    });
    const peer = await dialRaw('source');
    peer.say(helloFrame());
    await heard(peer, 'welcome');
    drip(peer, frame);
    await othersAreCarried();
    await ended;
    expect(sink.bytes()).toHaveLength(0);
  });

  it('B29 that goes on after DONE, and does not hang up: its session ends, the item is accepted', async () => {
    const connect = (role: Role) => pastTheTap(role, 'data');
    const receiving = rig.receive(collectingSink(), { connect: connect('target'), bounds: { farewellMsMax: 300 } });
    const peer = rawOf(await connect('source')(AbortSignal.timeout(10_000)));
    peer.socket.allowHalfOpen = true;
    peer.say(helloFrame());
    await heard(peer, 'welcome');
    peer.say(chunkFrame(0, data), encodeControl('end', { chunks: 1, bytes: data.length, sha256: itemDigest(data) }));
    await heard(peer, 'verified');
    peer.say(encodeControl('done'));
    drip(peer, encodeControl('alive'));
    expect(await receiving).toMatchObject({ bytes: data.length });
    await expect.poll(() => rig.relay.status().sessions, { timeout: 2_000 }).toBe(0);
  });

  it('B29 that pours chunks of one byte at an unpacker which takes none: no more is read than there is room for', async () => {
    const abort = new AbortController();
    const receiving = rig.receive(collectingSink({ onWrite: () => new Promise(() => {}) }), { signal: abort.signal });
    receiving.catch(() => {});
    const peer = await dialRaw('source');
    peer.say(helloFrame());
    await heard(peer, 'welcome');
    const before = rig.tap.bytes();
    const poured = chunksOfOneByte(1_200_000);
    peer.socket.write(poured);
    let read = -1;
    while (read !== rig.tap.bytes()) {
      read = rig.tap.bytes();
      await delay(300);
    }
    // What the sockets on the way hold is not the agent's.
    expect(read - before).toBeLessThan(poured.length / 2);
    await othersAreCarried();
    abort.abort();
    await expect(receiving).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('a target without an end', () => {
  it.each([
    ['an ACK', [welcomeFrame(0)], encodeAck(0, 0)],
    ['a WELCOME', [], welcomeFrame(0)],
  ])('B29 that sends %s byte by byte: the item ends and says why, others go on', async (_, before, frame) => {
    const sending = rig.send(tarOf(tarLike(mib)), { observe, bounds: { ...bounds, helloMsMax: 400 } });
    const ended = expect(sending).rejects.toMatchObject({ code: 'transfer_interrupted' });
    const peer = await dialRaw('target');
    await heard(peer, 'hello');
    peer.say(...before);
    drip(peer, frame);
    await othersAreCarried();
    await ended;
    expect(interruptions()[0]).toMatch(before.length > 0 ? /does not end its frame/ : /no WELCOME in time/);
  });
});
