import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Carry } from '../../agent/forward/carry.ts';
import { carryLasting } from '../../agent/forward/carry-lasting.ts';
import {
  ackFrame,
  beginFrame,
  byeFrame,
  createFrameReader,
  dataHead,
  type Frame,
  resumeFrame,
  tunnelVersion,
  unknownFrame,
} from '../../agent/forward/lasting-frames.ts';
import { LastingStream } from '../../agent/forward/lasting-stream.ts';
import { sleep } from '../../node/sleep.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { eventually } from '../agent/temporary.ts';
import { tcp } from './ports.ts';
import { makeTunnel, type TunnelPair } from './tunnel-rig.ts';

/** An app at a port of this host, and a tunnel to it. */
async function through(onSocket: (socket: net.Socket) => void, carry?: Carry) {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const published: ForwardedPort = tcp((server.address() as net.AddressInfo).port, '127.0.0.1');
  const pair = await makeTunnel([published], [], carry);
  onTestFinished(async () => {
    await pair.close();
    server.close();
  });
  return { pair, open: () => openThrough(pair, published) };
}

const address = { address: '192.0.2.7', port: 40_000 };
const openThrough = async (pair: TunnelPair, published: ForwardedPort) => {
  const stream = await pair.source.connect(
    { published, client: address, server: address },
    AbortSignal.timeout(20_000),
  );
  stream.on('error', () => {});
  return stream;
};

const echo = (socket: net.Socket) => void socket.pipe(socket);
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('what is under way between the hosts', () => {
  it('is answered though its relay ended when it had been sent, and was away for a while', async () => {
    const asked = Promise.withResolvers<net.Socket>();
    const { pair, open } = await through((socket) => socket.once('data', () => asked.resolve(socket)));
    const stream = await open();
    stream.write('request');
    const app = await asked.promise;
    pair.setOpen(false);
    pair.cut();
    app.end('the answer');
    stream.end(' and its end');
    await sleep(1_000);
    pair.setOpen(true);
    expect(await text(stream)).toBe('the answer');
    expect(pair.interruptions.length).toBeGreaterThan(0);
  });

  it('comes through connections that break again and again, each byte once and in order', async () => {
    const { pair, open } = await through(echo);
    const sent = Array.from({ length: 8 }, () => randomBytes(2_000_000));
    const cutting = setInterval(pair.cut, 120);
    const stop = setTimeout(() => clearInterval(cutting), 4_000);
    onTestFinished(() => {
      clearInterval(cutting);
      clearTimeout(stop);
    });
    const received = sent.map(async (bytes) => {
      const stream = await open();
      for (let at = 0; at < bytes.length; at += 50_000) {
        if (!stream.write(bytes.subarray(at, at + 50_000)))
          await new Promise((resolve) => stream.once('drain', resolve));
        await sleep(10);
      }
      stream.end();
      return Buffer.concat(await stream.toArray());
    });
    expect((await Promise.all(received)).map(digest)).toEqual(sent.map(digest));
    expect(pair.interruptions.length).toBeGreaterThan(4);
  }, 60_000);

  it('goes on over another connection when the one of now is silent, within seconds', async () => {
    const { pair, open } = await through(echo);
    const stream = await open();
    stream.write('before, ');
    await new Promise((resolve) => stream.once('readable', resolve));
    const frozenAt = performance.now();
    pair.freeze();
    stream.end('after');
    expect(await text(stream)).toBe('before, after');
    expect(performance.now() - frozenAt).toBeLessThan(limits.forward.tunnelSilenceMsMax + 4_000);
  }, 20_000);

  it('is reset if the target was started anew; what it had not answered is asked again', async () => {
    const { pair, open } = await through(echo);
    const stream = await open();
    const first = text(stream).catch(() => 'reset');
    pair.setOpen(false);
    pair.replaceTarget();
    const waits = open();
    await sleep(200);
    pair.setOpen(true);
    const next = await waits;
    next.end('asked again');
    expect([await first, await text(next)]).toEqual(['reset', 'asked again']);
  });
});

describe('a peer that does not speak as this host does', () => {
  it('is told once that both agents must be of matching releases, on both hosts, and works once it is upgraded', async () => {
    let isUpgraded = false;
    let tries = 0;
    const upgrading: Carry = (session, signal) => {
      const [other, own] = [tunnelVersion + 1, tunnelVersion].map((version) =>
        carryLasting('source', version)(session, signal),
      );
      return (connection) => {
        tries += 1;
        return (isUpgraded ? own! : other!)(connection);
      };
    };
    const { pair, open } = await through(echo, upgrading);
    const waits = open();
    await eventually(() => tries > 4, 'several tries');
    const told = pair.interruptions.map(String).filter((text) => text.includes('matching releases'));
    expect(told).toEqual([
      expect.stringContaining('speaks version 2 of the tunnel, this one’s version 1. Upgrade the agent of this host'),
      expect.stringContaining('speaks version 1 of the tunnel, this one’s version 2. Upgrade the agent of the other'),
    ]);
    isUpgraded = true;
    const stream = await waits;
    stream.end('at last');
    expect(await text(stream)).toBe('at last');
  });

  it.each([
    ['bytes of anything', Buffer.alloc(1_000_000, 0xff)],
    ['data before it has begun', Buffer.concat([dataHead(5), Buffer.from('bytes')])],
    ['a count before it has begun', ackFrame(2 ** 60)],
  ])('is hung up on and told nothing, and what was under way goes on: %s', async (_what, said) => {
    const { pair, open } = await through(echo);
    const stream = await open();
    stream.write('before, ');
    await new Promise((resolve) => stream.once('readable', resolve));
    expect(await pair.intrude(said)).toBe(0);
    stream.end('after');
    expect(await text(stream)).toBe('before, after');
  });

  it.each([
    ['more at once than it may keep', dataHead(2 ** 50)],
    ['bytes of anything', Buffer.alloc(1_000_000, 0xff)],
    ['a count of what was never sent', ackFrame(2 ** 60)],
    ['what is no session', Buffer.concat([dataHead(1_000_000), Buffer.alloc(1_000_000, 0xff)])],
    ['a second beginning', beginFrame('00'.repeat(16))],
  ])('is hung up on when it goes on so, and the next session works: %s', async (_what, said) => {
    const { pair, open } = await through(echo);
    await open();
    await pair.intrude(Buffer.concat([beginFrame('ff'.repeat(16)), said]));
    const stream = await open();
    stream.end('works');
    expect(await text(stream)).toBe('works');
  });
});

describe('a stream that lasts', () => {
  const bounds = { tunnelKeptBytesMax: 1_000, tunnelAckBytes: 500, tunnelLostMsMax: 100 };
  const id = '00'.repeat(16);
  const failure = (stream: LastingStream) =>
    new Promise((resolve) => stream.once('error', ({ message }) => resolve(message)));

  it('is given up if no connection comes in time', async () => {
    expect(await failure(new LastingStream(id, bounds))).toBe('no connection to the peer came in time');
  });

  it('keeps no more than its bound for a peer that acknowledges nothing, and believes no impossible one', async () => {
    const full = new LastingStream(id, bounds);
    const failed = failure(full);
    for (let part = 0; part < 3; part += 1) full.write(Buffer.alloc(400));
    expect(await failed).toBe('the peer takes too little of what it was sent');
    const cheated = new LastingStream(id, bounds);
    cheated.write(Buffer.alloc(400));
    cheated.acknowledge(400);
    const told = failure(cheated);
    cheated.acknowledge(401);
    expect(await told).toBe('the peer says that it received what was not sent');
  });

  it('sends from the first byte that the peer lacks', async () => {
    const stream = new LastingStream(id, bounds);
    for (const part of ['abc', 'def', 'ghi']) stream.write(part);
    const sent: Buffer[] = [];
    const server = net.createServer((socket) => void socket.on('data', (bytes) => sent.push(bytes)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const connection = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    stream.carryOn(connection, 4);
    const expected = Buffer.concat([dataHead(5), Buffer.from('efghi')]);
    await eventually(() => Buffer.concat(sent).equals(expected), 'the rest');
    stream.destroy();
    await eventually(() => Buffer.concat(sent).equals(Buffer.concat([expected, byeFrame()])), 'the end');
  });
});

describe('frames of the tunnel', () => {
  const id = '0123456789abcdef'.repeat(2);
  const wire = Buffer.concat([
    ...[beginFrame(id), resumeFrame(id, 2 ** 40), unknownFrame(), dataHead(5), Buffer.from('bytes'), dataHead(0)],
    ...[ackFrame(7), byeFrame()],
  ]);
  const said = [
    { type: 'begin', received: 0, id },
    { type: 'resume', received: 2 ** 40, id },
    { type: 'unknown' },
    { type: 'data', bytes: 'bytes' },
    { type: 'ack', received: 7 },
    { type: 'bye' },
  ];

  it.each([wire.length, 1, 7, 26])('are read in parts of %i bytes', (size) => {
    const frames: Frame[] = [];
    const read = createFrameReader((frame) => void frames.push(frame));
    for (let at = 0; at < wire.length; at += size) read(wire.subarray(at, at + size));
    const data = frames.flatMap((frame) => (frame.type === 'data' ? [`${frame.bytes}`] : [])).join('');
    const joined = frames.filter(({ type }) => type !== 'data') as object[];
    expect([...joined.slice(0, 3), { type: 'data', bytes: data }, ...joined.slice(3)]).toEqual(said);
  });

  it.each([2, 1])('of another version are known as such by their first two bytes, in parts of %i', (size) => {
    const frames: Frame[] = [];
    const read = createFrameReader((frame) => void frames.push(frame));
    const begin = beginFrame(id, 200).subarray(0, 2);
    for (let at = 0; at < begin.length; at += size) read(begin.subarray(at, at + size));
    expect(frames).toEqual([{ type: 'foreign', version: 200 }]);
  });

  it('are not guessed at, nor longer than a peer may keep', () => {
    const most = limits.forward.tunnelKeptBytesMax;
    expect(() => createFrameReader(() => {})(dataHead(most))).not.toThrow();
    expect(() => createFrameReader(() => {})(dataHead(most + 1))).toThrow(/more at once than it may keep/);
    expect(() => createFrameReader(() => {})(Buffer.from('PRI * HTTP/2.0'))).toThrow(/not a frame of the tunnel/);
  });
});
