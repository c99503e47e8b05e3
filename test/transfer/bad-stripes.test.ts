import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createChunkPool } from '../../agent/transfer/chunk-pool.ts';
import { encodeControl, encodeReceived } from '../../agent/transfer/frame-codec.ts';
import type { Connect, TransferEvent } from '../../agent/transfer/reconnect.ts';
import { limits } from '../../schema/limits.ts';
import { volumeStreamVersion } from '../../schema/volume-stream.ts';
import { collectingSink, digestOf, itemDigest, type LaneRig, startLaneRig, tarLike, tarOf } from './lane-rig.ts';
import { chunkFrame, framesOf, helloFrame, welcomeFrame } from './raw-peer.ts';

const mib = 1_048_576;
const { stripeSlots, stripesMax, stripeNumberMax } = limits.stream;
let rig: LaneRig;
let events: TransferEvent[];
beforeEach(async () => {
  rig = await startLaneRig();
  events = [];
});
afterEach(() => rig.close());

const observe = (event: TransferEvent) => events.push(event);
const faults = (kind: 'stripe_broke' | 'interrupted') =>
  events.flatMap((event) => (event.kind === kind ? [event.error.message] : []));

async function dialRaw(role: 'source' | 'target', stripe = 0) {
  const socket = await rig.connect(role)(AbortSignal.timeout(10_000), stripe);
  return { socket, frames: framesOf(socket), say: (...frames: Buffer[]) => socket.write(Buffer.concat(frames)) };
}
type Raw = Awaited<ReturnType<typeof dialRaw>>;

const nameOf = async (peer: Raw) => (await peer.frames.next())?.name ?? null;
const own = { bundle: 'bundle-1' };
const hello = (stripe: number, { stream = 'stream-1', lane = 'data', bundle = own.bundle } = {}) =>
  helloFrame(stream, lane, null, { bundle, stripe });
const texts = Array.from({ length: stripeSlots + 2 }, (_, index) => Buffer.from(`piece ${index} of a tar, `));
const chunk = (sequence: number) => chunkFrame(sequence, texts[sequence]!);
const endOf = (chunks: Buffer[]) =>
  encodeControl('end', { chunks: chunks.length, bytes: Buffer.concat(chunks).length, sha256: itemDigest(...chunks) });

/** A source that speaks by hand, with its main connection welcomed and stripe 1 dialled, without HELLO. */
async function spreadByHand(count = 1): Promise<{ main: Raw; stripe: Raw }> {
  const main = await dialRaw('source');
  main.say(hello(0));
  expect(await nameOf(main)).toBe('welcome');
  main.say(encodeControl('spread', { first: 1, count }));
  return { main, stripe: await dialRaw('source', 1) };
}

/** Sends what is left over the main connection; resolves to all names of frames that came there. */
async function finish(main: Raw, from: number, all: Buffer[]): Promise<void> {
  main.say(...all.slice(from).map((_, index) => chunk(from + index)), endOf(all));
  for (let name = await nameOf(main); name !== 'verified'; name = await nameOf(main))
    expect(['ack', 'received']).toContain(name);
  main.say(encodeControl('done'));
}

describe('a source with stripes of its own making', () => {
  const three = texts.slice(0, 3);
  const cases: [string, Buffer[], RegExp][] = [
    ['of another lane', [hello(1, { lane: 'other' })], /HELLO of stripe 1 of other/],
    ['of another stream', [hello(1, { stream: 'stream-2' })], /HELLO of stripe/],
    ['of an earlier connection', [hello(1, { bundle: 'bundle-0' })], /HELLO of stripe/],
    ['of the previous release, which has none', [helloFrame()], /HELLO of stripe 0/],
    ['with the number of another', [hello(2)], /HELLO of stripe 2 of data on stripe 1/],
    ['with a number out of range', [hello(stripeNumberMax + 1)], /malformed/],
    ['that sends a chunk before HELLO', [chunk(1)], /a chunk before HELLO/],
    ['that sends a second HELLO', [hello(1), hello(1)], /hello on a stripe/],
    ['that ends the item', [hello(1), endOf([])], /end on a stripe/],
    ['that asks for more stripes', [hello(1), encodeControl('spread', { first: 2, count: 1 })], /spread on a stripe/],
    ['with a chunk that the target could not hold', [hello(1), chunk(stripeSlots)], /out of turn/],
  ];
  test.each(cases)('B32 one %s is closed; the item goes on without it', async (_title, said, why) => {
    const sink = collectingSink();
    const receiving = rig.receive(sink, { observe });
    const { main, stripe } = await spreadByHand();
    stripe.say(...said);
    while (await stripe.frames.next());
    await expect.poll(() => faults('stripe_broke')[0]).toMatch(why);
    await finish(main, 0, three);
    expect(await receiving).toMatchObject({ sha256: itemDigest(...three) });
    expect(sink.bytes().equals(Buffer.concat(three))).toBe(true);
    expect(faults('interrupted')).toEqual([]);
  });

  test.each([
    ['numbers that are used up', { first: 1, count: 1 }],
    ['numbers that leave some out', { first: 3, count: 1 }],
  ])('B32 SPREAD to %s ends the connection', async (_title, spread) => {
    const abort = new AbortController();
    const receiving = rig.receive(collectingSink(), { observe, signal: abort.signal });
    receiving.catch(() => {});
    const { main } = await spreadByHand();
    main.say(encodeControl('spread', spread));
    while (await main.frames.next());
    await expect.poll(() => faults('interrupted')[0]).toMatch(/SPREAD to stripes/);
    abort.abort();
  });

  test('chunks come in any order, on any connection, and more than once', async () => {
    const sink = collectingSink();
    const receiving = rig.receive(sink, { observe });
    const { main, stripe } = await spreadByHand();
    stripe.say(hello(1));
    expect(await nameOf(stripe)).toBe('welcome');
    stripe.say(chunk(2), chunk(2), chunk(1));
    for (const sequence of [2, 2, 1]) {
      const frame = await stripe.frames.next();
      expect(frame?.name === 'received' && frame.payload.readUInt32BE(0)).toBe(sequence);
    }
    main.say(chunk(2), chunk(0), chunk(1));
    await finish(main, 3, three);
    await receiving;
    expect(sink.bytes().equals(Buffer.concat(three))).toBe(true);
    expect(events.filter(({ kind }) => kind === 'interrupted')).toEqual([]);
  });

  test('F19 a damaged chunk on a stripe is asked for again, with what came out of order', async () => {
    const sink = collectingSink();
    const receiving = rig.receive(sink, { observe });
    const { main, stripe } = await spreadByHand();
    stripe.say(hello(1));
    await stripe.frames.next();
    const damaged = chunk(1);
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1);
    stripe.say(chunk(4), damaged);
    await stripe.frames.next();
    await stripe.frames.next();
    main.say(chunk(0));
    while (await main.frames.next());
    while (await stripe.frames.next());
    expect(faults('interrupted')[0]).toMatch(/chunk 1 is damaged/);

    const second = await dialRaw('source');
    second.say(hello(0));
    const welcome = await second.frames.next();
    expect(welcome?.name === 'welcome' && JSON.parse(welcome.payload.toString()).next).toBe(1);
    await finish(second, 1, texts.slice(0, 6));
    await receiving;
    expect(sink.bytes().equals(Buffer.concat(texts.slice(0, 6)))).toBe(true);
    expect([sink.opens, sink.resets]).toEqual([1, 0]);
  });

  test('B29 the target holds as many chunks out of order as it said, and no more', async () => {
    const sink = collectingSink();
    const receiving = rig.receive(sink, { observe });
    const { main, stripe } = await spreadByHand();
    stripe.say(hello(1));
    await stripe.frames.next();
    for (let sequence = stripeSlots - 1; sequence > 0; sequence--) stripe.say(chunk(sequence));
    for (let sequence = 1; sequence < stripeSlots; sequence++) expect(await nameOf(stripe)).toBe('received');
    stripe.say(chunk(stripeSlots));
    while (await stripe.frames.next());
    await expect.poll(() => faults('stripe_broke')[0]).toMatch(/out of turn/);
    // Nothing was lost: chunk 0 is all that is missing.
    main.say(chunk(0));
    await finish(main, stripeSlots, texts.slice(0, stripeSlots));
    await receiving;
    expect(sink.bytes().equals(Buffer.concat(texts.slice(0, stripeSlots)))).toBe(true);
  });

  test('B29 SPREAD asks for no more stripes than the target said, and it dials no more', async () => {
    const dialled: number[] = [];
    const connect: Connect = (signal, stripe = 0) => {
      if (stripe > 0) dialled.push(stripe);
      return rig.connect('target')(signal, stripe);
    };
    const abort = new AbortController();
    const receiving = rig.receive(collectingSink(), { connect, signal: abort.signal });
    receiving.catch(() => {});
    const { main } = await spreadByHand(stripesMax);
    main.say(encodeControl('spread', { first: stripesMax + 1, count: stripesMax }));
    main.say(chunk(0));
    await main.frames.next();
    expect(dialled.length).toBe(stripesMax);
    abort.abort();
  });
});

test('B29 memory for chunks has a bound, which is raised once and never lowered', () => {
  const pool = createChunkPool(2, () => {});
  const taken = () => {
    let count = 0;
    while (pool.take()) count += 1;
    return count;
  };
  expect(taken()).toBe(2);
  pool.grow(5);
  expect(taken()).toBe(3);
  pool.grow(3);
  expect(taken()).toBe(0);
});

describe('a target', () => {
  const bytes = tarLike(6 * mib);
  const eager = { stripeRoundTripMsMin: 0.01, stripeMeasureMs: 50, stripeMeasureRoundTrips: 0 };

  /** Sends to a target that speaks by hand; `stripes` are those that the source dialled. */
  function sendByHand() {
    const stripes: number[] = [];
    const connect: Connect = (signal, stripe = 0) => {
      if (stripe > 0) stripes.push(stripe);
      return rig.connect('source')(signal, stripe);
    };
    return { stripes, sending: rig.send(tarOf(bytes), { observe, connect, bounds: eager }) };
  }

  test('of the previous release gets one connection, and no frame that it does not know', async () => {
    const { stripes, sending } = sendByHand();
    const peer = await dialRaw('target');
    await peer.frames.next();
    peer.say(welcomeFrame(0));
    const names = new Set<string>();
    let frame = await peer.frames.next();
    for (; frame && frame.name !== 'end'; frame = await peer.frames.next()) names.add(frame.name);
    expect([...names]).toEqual(['chunk']);
    peer.say(encodeControl('verified', { bytes: bytes.length, sha256: digestOf(bytes) }));
    await sending;
    expect(stripes).toEqual([]);
  });

  test.each([
    [
      'an ECHO that was not asked for',
      Array.from({ length: limits.stream.echoesMax + 1 }, () => encodeControl('echo')),
      /ECHO that was not asked for/,
    ],
    ['RECEIVED of a chunk that was not sent', [encodeReceived(77)], /RECEIVED of chunk 77/],
    ['SPREAD', [encodeControl('spread', { first: 1, count: 1 })], /spread out of turn/],
  ])('B32 that says %s loses its connection, not the item', async (_title, said, why) => {
    const { sending } = sendByHand();
    const peer = await dialRaw('target');
    await peer.frames.next();
    const welcome = { version: volumeStreamVersion, next: 0, verified: null, keyed: true };
    peer.say(encodeControl('welcome', { ...welcome, stripes: stripesMax, slots: stripeSlots }), ...said);
    while (await peer.frames.next());
    await expect.poll(() => faults('interrupted')[0]).toMatch(why);
    const [sent] = await Promise.all([sending, rig.receive(collectingSink())]);
    expect(sent.sha256).toBe(digestOf(bytes));
  });
});
