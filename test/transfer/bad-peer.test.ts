import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chunkDigest } from '../../agent/transfer/chunk-digest.ts';
import { encodeAck, encodeControl } from '../../agent/transfer/frame-codec.ts';
import type { TransferEvent } from '../../agent/transfer/reconnect.ts';
import { limits } from '../../schema/limits.ts';
import { frameType } from '../../schema/volume-stream.ts';
import {
  collectingSink,
  digestOf,
  itemDigest,
  type LaneRig,
  sha256,
  startLaneRig,
  tarLike,
  tarOf,
} from './lane-rig.ts';
import { bareHeader, chunkFrame, framesOf, helloFrame, welcomeFrame } from './raw-peer.ts';

const mib = 1_048_576;
let rig: LaneRig;
let events: TransferEvent[];
beforeEach(async () => {
  rig = await startLaneRig();
  events = [];
});
afterEach(() => rig.close());

/** Dials as one side, through the real relay and with a good certificate, and speaks by hand from there. */
async function dialRaw(role: 'source' | 'target') {
  const socket = await rig.connect(role)(AbortSignal.timeout(10_000));
  return { socket, frames: framesOf(socket), say: (...frames: Buffer[]) => socket.write(Buffer.concat(frames)) };
}

const observe = (event: TransferEvent) => events.push(event);
const interruptions = () => events.flatMap((event) => (event.kind === 'interrupted' ? [event.error.message] : []));
const data = Buffer.from('some bytes of a tar');
const endOf = (...chunks: Buffer[]) =>
  encodeControl('end', {
    chunks: chunks.length,
    bytes: Buffer.concat(chunks).length,
    sha256: itemDigest(...chunks),
  });

describe('a source that breaks the protocol', () => {
  const cases: [string, Buffer][] = [
    ['B32 a chunk ahead of its turn', chunkFrame(2, data)],
    ['F19 a damaged chunk', chunkFrame(0, data, { digest: Buffer.alloc(32) })],
    ['B32 a chunk whose lengths disagree', chunkFrame(0, data, { rawBytes: data.length + 1 })],
    ['B32 a chunk that says it holds a negative count of bytes', chunkFrame(0, data, { rawBytes: -1 >>> 0 })],
    ['B29 a chunk frame of 4 GiB', bareHeader(frameType.chunk, -1)],
    ['B29 a control frame of 1 MiB', bareHeader(frameType.end, mib)],
    ['B32 a frame type that does not exist', bareHeader(77, 0)],
    ['B32 an END that counts chunks which never came', endOf(data, data, data)],
    ['B32 an END with a negative count', encodeControl('end', { chunks: 0, bytes: -5, sha256: sha256(data) })],
    ['B32 a DONE before anything was verified', encodeControl('done')],
    ['B32 a VERIFIED from the source', encodeControl('verified', { bytes: 0, sha256: sha256(data) })],
    ['B32 a second HELLO', helloFrame()],
  ];
  test.each(cases)('%s is refused: the connection is closed, the item goes on with the next', async (_title, bad) => {
    const sink = collectingSink();
    const receiving = rig.receive(sink, { observe });
    const first = await dialRaw('source');
    first.say(helloFrame());
    expect((await first.frames.next())?.name).toBe('welcome');
    first.say(bad);
    expect(await first.frames.next()).toBeNull();

    const second = await dialRaw('source');
    second.say(helloFrame());
    expect((await second.frames.next())?.name).toBe('welcome');
    second.say(chunkFrame(0, data), endOf(data));
    expect((await second.frames.next())?.name).toBe('ack');
    expect((await second.frames.next())?.name).toBe('verified');
    second.say(encodeControl('done'));
    expect(await receiving).toEqual({ bytes: data.length, sha256: itemDigest(data) });
    expect(interruptions()).toHaveLength(1);
    expect(sink.bytes().equals(data)).toBe(true);
  });

  test.each([
    ['by their keyed digests', Buffer.alloc(16, 3)],
    ['by SHA-256', null],
  ])('F19 a damaged chunk is asked for again with all that came behind it, the end too, %s', async (_title, key) => {
    const sink = collectingSink();
    const receiving = rig.receive(sink, { observe });
    const digestOf = chunkDigest(key);
    const texts = ['one', 'two', 'three'].map((text) => Buffer.from(text));
    const digests = texts.map((text, sequence) => digestOf(sequence, text));
    const chunk = (sequence: number) => chunkFrame(sequence, texts[sequence]!, { digest: digests[sequence]! });
    const end = { chunks: 3, bytes: 11, sha256: sha256(Buffer.concat(digests)) };
    const first = await dialRaw('source');
    first.say(helloFrame('stream-1', 'data', key));
    await first.frames.next();
    const damaged = chunk(1);
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1);
    first.say(chunk(0), damaged, chunk(2), encodeControl('end', end));
    while (await first.frames.next());
    expect(interruptions()[0]).toMatch(/chunk 1 is damaged/);

    const second = await dialRaw('source');
    second.say(helloFrame('stream-1', 'data', key));
    const welcome = await second.frames.next();
    expect(welcome?.name === 'welcome' && JSON.parse(welcome.payload.toString()).next).toBe(1);
    second.say(chunk(1), chunk(2), encodeControl('end', end));
    for (let frame = await second.frames.next(); frame?.name !== 'verified'; frame = await second.frames.next())
      expect(frame?.name).toBe('ack');
    second.say(encodeControl('done'));
    expect(await receiving).toMatchObject({ sha256: end.sha256 });
    expect(sink.bytes().toString()).toBe('onetwothree');
  });

  test('F19 with a key a chunk in the place of another is damaged, though its bytes are sound', async () => {
    const abort = new AbortController();
    const key = Buffer.alloc(16, 3);
    const receiving = rig.receive(collectingSink(), { observe, signal: abort.signal });
    receiving.catch(() => {});
    const peer = await dialRaw('source');
    peer.say(helloFrame('stream-1', 'data', key));
    await peer.frames.next();
    peer.say(chunkFrame(0, data, { digest: chunkDigest(key)(1, data) }));
    while (await peer.frames.next());
    expect(interruptions()[0]).toMatch(/chunk 0 is damaged/);
    abort.abort();
  });

  test('F19 a repeated chunk is dropped by its number', async () => {
    const sink = collectingSink();
    const receiving = rig.receive(sink);
    const peer = await dialRaw('source');
    peer.say(helloFrame());
    await peer.frames.next();
    const other = Buffer.from('and more');
    peer.say(chunkFrame(0, data), chunkFrame(0, data), chunkFrame(1, other), chunkFrame(0, data));
    const whole = Buffer.concat([data, other]);
    peer.say(endOf(data, other));
    for (let frame = await peer.frames.next(); frame?.name !== 'verified'; frame = await peer.frames.next()) {
      expect(frame?.name).toBe('ack');
    }
    peer.say(encodeControl('done'));
    await receiving;
    expect(sink.bytes().equals(whole)).toBe(true);
  });

  test('B32 a forged digest is rejected, and the item is never accepted', async () => {
    const receiving = rig.receive(collectingSink());
    receiving.catch(() => {});
    const peer = await dialRaw('source');
    peer.say(helloFrame());
    await peer.frames.next();
    peer.say(
      chunkFrame(0, data),
      encodeControl('end', { chunks: 1, bytes: data.length, sha256: sha256(Buffer.from('other')) }),
    );
    let frame = await peer.frames.next();
    while (frame?.name === 'ack') frame = await peer.frames.next();
    expect(frame?.name).toBe('rejected');
    await expect(receiving).rejects.toMatchObject({ code: 'digest_mismatch' });
  });

  test('B34 a compressed chunk that unpacks to more than it says is refused, whatever its size', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * mib));
    const receiving = rig.receive(collectingSink());
    receiving.catch(() => {});
    const peer = await dialRaw('source');
    peer.say(helloFrame());
    await peer.frames.next();
    peer.say(chunkFrame(0, bomb, { compressed: true, rawBytes: mib }));
    await expect(receiving).rejects.toMatchObject({ name: 'StackferryError' });
  });

  test('B32 a source that breaks the protocol again and again is given up', async () => {
    const receiving = rig.receive(collectingSink(), { bounds: { violationsMax: 2, reconnectDelayMsMax: 20 } });
    const refused = expect(receiving).rejects.toMatchObject({ code: 'transfer_protocol' });
    for (let time = 0; time < 3; time++) {
      const peer = await dialRaw('source');
      peer.say(helloFrame(), bareHeader(99, 0));
      while (await peer.frames.next());
    }
    await refused;
  });

  test('B32 an item of another lane is refused', async () => {
    const abort = new AbortController();
    const receiving = rig.receive(collectingSink(), { observe, signal: abort.signal });
    receiving.catch(() => {});
    const peer = await dialRaw('source');
    peer.say(helloFrame('stream-1', 'another'));
    expect(await peer.frames.next()).toBeNull();
    await expect.poll(() => interruptions()[0]).toMatch(/another/);
    abort.abort();
  });

  test('B41 a source that says nothing after the handshake is closed in bounded time', async () => {
    const abort = new AbortController();
    const receiving = rig.receive(collectingSink(), { observe, signal: abort.signal, bounds: { helloMsMax: 200 } });
    receiving.catch(() => {});
    const peer = await dialRaw('source');
    expect(await peer.frames.next()).toBeNull();
    abort.abort();
  });

  test('B29 a source that falls silent in mid-chunk is noticed by its silence', async () => {
    const abort = new AbortController();
    const bounds = { silenceMsMax: 300, aliveIntervalMs: 100 };
    const receiving = rig.receive(collectingSink(), { observe, signal: abort.signal, bounds });
    receiving.catch(() => {});
    const peer = await dialRaw('source');
    peer.say(helloFrame());
    expect((await peer.frames.next())?.name).toBe('welcome');
    peer.say(chunkFrame(0, data).subarray(0, 20));
    expect(await peer.frames.next()).toBeNull();
    await expect.poll(() => interruptions()[0]).toMatch(/silent/);
    abort.abort();
  });
});

describe('a target that breaks the protocol', () => {
  const bytes = tarLike(2 * mib);
  const cases: [string, Buffer][] = [
    ['B32 an ACK of chunks that were never sent', encodeAck(999, 0)],
    ['B32 a VERIFIED before the end was sent', encodeControl('verified', { bytes: 1, sha256: sha256(data) })],
    ['B32 a chunk from the target', chunkFrame(0, data)],
    ['B29 a giant frame', bareHeader(frameType.verified, -1)],
  ];
  test.each(cases)('%s is refused, and the item still ends well with an honest one', async (_title, bad) => {
    // The tar does not end before the bad frame was refused.
    let end = () => {};
    const source = tarOf(bytes, { finished: () => new Promise((resolve) => (end = resolve)) });
    const sending = rig.send(source, { observe });
    const peer = await dialRaw('target');
    expect((await peer.frames.next())?.name).toBe('hello');
    peer.say(welcomeFrame(0), bad);
    while (await peer.frames.next());
    await expect.poll(() => interruptions()).toHaveLength(1);
    end();
    const [sent] = await Promise.all([sending, rig.receive(collectingSink())]);
    expect(sent.sha256).toBe(digestOf(bytes));
  });

  test('B32 a target that verified other bytes than were sent is not believed', async () => {
    const sending = rig.send(tarOf(bytes));
    sending.catch(() => {});
    const peer = await dialRaw('target');
    await peer.frames.next();
    peer.say(welcomeFrame(0));
    for (let frame = await peer.frames.next(); frame?.name !== 'end'; frame = await peer.frames.next());
    peer.say(encodeControl('verified', { bytes: bytes.length, sha256: sha256(data) }));
    await expect(sending).rejects.toMatchObject({ code: 'digest_mismatch' });
  });

  test('a target of the previous release, which takes no keys, gets the item with digests that it knows', async () => {
    const source = tarOf(bytes);
    const sending = rig.send(source);
    const first = await dialRaw('target');
    await first.frames.next();
    first.say(welcomeFrame(0, false));
    while (await first.frames.next());

    const second = await dialRaw('target');
    const hello = await second.frames.next();
    expect(hello?.name === 'hello' && JSON.parse(hello.payload.toString()).key).toBeNull();
    second.say(welcomeFrame(0, false));
    const chunk = await second.frames.next();
    expect(chunk?.name === 'chunk' && chunk.chunk.digest.toString('hex')).toBe(
      sha256(bytes.subarray(0, limits.stream.chunkBytesMax)),
    );
    let frame = chunk;
    while (frame?.name === 'chunk') frame = await second.frames.next();
    const { sha256: whole } = JSON.parse(frame?.name === 'end' ? frame.payload.toString() : '{}');
    second.say(encodeControl('verified', { bytes: bytes.length, sha256: whole }));
    expect(await sending).toEqual({ bytes: bytes.length, sha256: whole });
    expect(source.opens).toBe(2);
  });

  test('a target that wants chunks which are gone, again and again, is given up', async () => {
    const source = tarOf(bytes);
    const sending = rig.send(source, { bounds: { restartsMax: 2, reconnectDelayMsMax: 20 } });
    const refused = expect(sending).rejects.toMatchObject({ code: 'transfer_interrupted' });
    for (let time = 0; time < 3; time++) {
      const peer = await dialRaw('target');
      await peer.frames.next();
      peer.say(welcomeFrame(1_000_000));
      while (await peer.frames.next());
    }
    await refused;
    expect(source.opens).toBe(3);
  });
});
