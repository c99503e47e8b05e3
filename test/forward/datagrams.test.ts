import dgram from 'node:dgram';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createDatagramReader, frameOf } from '../../agent/forward/datagram-frames.ts';
import { datagramsTo } from '../../agent/forward/datagram-stream.ts';
import { type DatagramBounds, Datagrams } from '../../agent/forward/datagrams.ts';
import type { ConnectOn } from '../../agent/forward/holder.ts';
import { createLog } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import { stillComing } from '../../schema/units.ts';
import { udp } from './ports.ts';
import { makeTunnel } from './tunnel-rig.ts';

const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function socketAt(address: string, port = 0): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4').bind({ address, port });
  await once(socket, 'listening');
  closing.push(() => socket.close());
  return socket;
}

/** Answers each datagram with itself. */
async function echo(port = 0): Promise<dgram.Socket> {
  const socket = await socketAt('127.0.0.1', port);
  socket.on('message', (datagram, { port, address }) => socket.send(datagram, port, address));
  return socket;
}

/** A port that nobody has. */
async function freePort(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind({ address: '127.0.0.1' });
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** A client; what it was answered comes in order. */
async function client(port: number, address = '127.0.0.2') {
  const socket = await socketAt('127.0.0.1');
  const got: string[] = [];
  const from = new Set<string>();
  socket.on('message', (datagram, sender) => {
    got.push(datagram.toString('latin1'));
    from.add(sender.address);
  });
  const send = (datagram: Buffer | string) => socket.send(datagram, port, address);
  /** Once more; returns all that was answered so far. */
  const ask = (datagram: string) => {
    send(datagram);
    return got;
  };
  return { got, from, send, ask };
}

/** The target publishes the app at 127.0.0.1, the source the same port at 127.0.0.2 unless another one is given. */
async function passedOn(port: number, bounds: Partial<DatagramBounds> = {}, published = udp(port, '127.0.0.2')) {
  const pair = await makeTunnel([udp(port, '127.0.0.1')]);
  closing.push(() => pair.close());
  const connect: ConnectOn = (connection, signal) =>
    pair.source.connect({ ...connection, published: udp(port, '127.0.0.1') }, signal);
  const lines: string[] = [];
  const datagrams = new Datagrams(
    [published],
    connect,
    createLog((line) => lines.push(line)),
    bounds,
  );
  closing.push(() => datagrams.close());
  return { datagrams, pair, lines };
}

describe('datagrams to a stack that has left', () => {
  it('come and go whole, of any size, for each client its own', async () => {
    const app = await echo();
    const { datagrams } = await passedOn(app.address().port);
    const sizes = [0, 1, 1_400, 9_000, 60_000];
    const clients = await Promise.all(Array.from({ length: 20 }, () => client(app.address().port)));
    for (const [index, one] of clients.entries()) {
      // More than a few that come before its way is open are dropped.
      one.send(Buffer.alloc(0));
      await expect.poll(() => one.got.length).toBe(1);
      for (const size of sizes.slice(1)) one.send(Buffer.alloc(size, index));
      await expect.poll(() => one.got.length).toBe(sizes.length);
      expect(one.got).toEqual(sizes.map((size) => String.fromCharCode(index).repeat(size)));
    }
    const { ports, sources, spliced } = datagrams.traffic();
    expect(ports).toMatchObject([{ port: `127.0.0.2:${app.address().port}/udp`, total: 20 }]);
    expect(sources).toEqual([{ address: '127.0.0.1', total: 20 }]);
    expect(spliced).toBe(20);
  });

  it('are lost while nobody answers on the target, and pass once somebody does', async () => {
    const port = await freePort();
    await passedOn(port);
    const one = await client(port);
    one.send('too early');
    await sleep(100);
    await echo(port);
    await expect.poll(() => one.ask('again')).toContain('again');
  });

  it('go on after the way between the hosts broke', async () => {
    const app = await echo();
    const { pair } = await passedOn(app.address().port);
    const one = await client(app.address().port);
    one.send('before');
    await expect.poll(() => one.got).toEqual(['before']);
    pair.replaceTarget();
    await expect.poll(() => one.ask('after'), { timeout: 10_000 }).toContain('after');
  });

  it('free the port at once when the stack is about to start here', async () => {
    const app = await echo();
    const { port } = app.address();
    const { datagrams } = await passedOn(port);
    const one = await client(port);
    one.send('x');
    await expect.poll(() => one.got).toEqual(['x']);
    datagrams.close();
    await socketAt('127.0.0.2', port);
    one.send('y');
    await sleep(100);
    expect(one.got).toEqual(['x']);
  });

  it('wait for a port that another program has', async () => {
    const app = await echo();
    const { port } = app.address();
    const other = await socketAt('127.0.0.2', port);
    const { lines } = await passedOn(port, { datagramLookMs: 20 });
    await expect.poll(() => lines.join()).toContain('is not free');
    await sleep(100);
    expect(lines, 'said once').toHaveLength(1);
    closing.splice(closing.length - 3, 1);
    other.close();
    const one = await client(port);
    await expect.poll(() => one.ask('x')).toContain('x');
  });

  it('of more clients than there is room for are dropped, until one has been silent for a while', async () => {
    const app = await echo();
    const { port } = app.address();
    const { datagrams, lines } = await passedOn(port, { flowsMax: 2, flowSilentMsMin: 300 });
    const [one, two, three] = [await client(port), await client(port), await client(port)];
    one.send('1');
    two.send('2');
    await expect.poll(() => one.got.length + two.got.length).toBe(2);
    three.send('3');
    await sleep(100);
    expect([three.got, datagrams.traffic().spliced]).toEqual([[], 2]);
    expect(lines.join()).toContain('too many clients');
    two.send('still here');
    await sleep(250);
    two.send('still here');
    await expect.poll(() => three.ask('4')).toContain('4');
    expect(datagrams.traffic()).toMatchObject({ spliced: 2, ports: [{ total: expect.any(Number) }] });
    two.send('2 again');
    await expect.poll(() => two.got).toContain('2 again');
  });

  it('keep a client for longer once it has more than one question', async () => {
    const app = await echo();
    const { port } = app.address();
    const { datagrams } = await passedOn(port, { flowIdleMsMax: { single: 100, lasting: 60_000 } });
    const [one, two] = [await client(port), await client(port)];
    one.send('a question');
    two.send('first');
    await expect.poll(() => two.got.length).toBe(1);
    two.send('second');
    await expect.poll(() => datagrams.traffic().spliced).toBe(1);
    await sleep(200);
    expect(datagrams.traffic().spliced).toBe(1);
  });

  it('of a client that goes on for hours still count as coming', async () => {
    const app = await echo();
    const { port } = app.address();
    const { datagrams } = await passedOn(port);
    const one = await client(port);
    one.send('x');
    await expect.poll(() => one.got.length).toBe(1);
    await sleep(200);
    one.send('y');
    await expect.poll(() => one.got.length).toBe(2);
    const [counted] = datagrams.traffic().ports;
    expect(counted?.idle_ms).toBeLessThan(150);
    expect(stillComing({ ports: [{ ...counted!, per_minute: 0 }], spliced: 1 })).toContain('1 connection open');
  });

  it('are not asked for anew with each one while they can’t be passed on', async () => {
    const port = await freePort();
    let asked = 0;
    const refuse = async () => {
      asked += 1;
      throw new Error('no way');
    };
    const datagrams = new Datagrams(
      [udp(port, '127.0.0.2')],
      refuse,
      createLog(() => {}),
      { flowFailedMs: 300 },
    );
    closing.push(() => datagrams.close());
    const one = await client(port);
    for (let count = 0; count < 20; count += 1) {
      one.send('x');
      await sleep(10);
    }
    expect(asked).toBe(1);
    await expect
      .poll(() => {
        one.send('y');
        return asked;
      })
      .toBe(2);
  });

  it.each([
    ['port 0, which nobody can answer', { address: '127.0.0.1', port: 0 }],
    ['a link-local address of a bridge', { address: 'fe80::1%br-lan', port: 40_000 }],
  ])('from %s do no harm', async (_what, from) => {
    const made = vi.spyOn(dgram, 'createSocket');
    closing.push(() => made.mockRestore());
    const app = await echo();
    const { port } = app.address();
    await passedOn(port);
    const one = await client(port);
    await expect.poll(() => one.ask('x')).toContain('x');
    const taking = made.mock.results
      .map(({ value }) => value as dgram.Socket)
      .find((socket) => socket.address().address === '127.0.0.2');
    expect(() => taking?.emit('message', Buffer.from('y'), { ...from, family: 'IPv4', size: 1 })).not.toThrow();
    await sleep(100);
    await expect.poll(() => one.ask('z')).toContain('z');
  });
});

it('answers from the address that the client asked, of a port that is published at every address', async () => {
  const port = await freePort();
  const app = await echo();
  await passedOn(app.address().port, {}, udp(port));
  const one = await client(port, '127.0.0.1');
  await expect.poll(() => one.ask('x')).toContain('x');
  expect([...one.from]).toEqual(['127.0.0.1']);
});

it('a stream of datagrams goes on at the loopback where nobody listens at the host’s own address', async () => {
  const app = await echo();
  const stream = await datagramsTo(udp(app.address().port), () => true);
  closing.push(() => stream.destroy());
  const got: Buffer[] = [];
  stream.on('data', (bytes) => got.push(bytes));
  await expect
    .poll(() => {
      stream.write(frameOf(Buffer.from('x')));
      return got.length;
    })
    .toBeGreaterThan(0);
  expect(got[0]).toEqual(frameOf(Buffer.from('x')));
});

it('a stream of datagrams ends soon after the stack has left the target', async () => {
  const app = await echo();
  let isHere = true;
  const stream = await datagramsTo(udp(app.address().port, '127.0.0.1'), () => isHere, 20);
  stream.on('error', () => {});
  stream.write(frameOf(Buffer.from('x')));
  const [answer] = await once(stream, 'data');
  expect(answer).toEqual(frameOf(Buffer.from('x')));
  await sleep(60);
  expect(stream.destroyed).toBe(false);
  isHere = false;
  await expect.poll(() => stream.destroyed).toBe(true);
});

it('keeps no more than a few datagrams of a client that has no way on', async () => {
  const port = await freePort();
  const way = new PassThrough();
  let open = () => {};
  const datagrams = new Datagrams(
    [udp(port, '127.0.0.2')],
    () => new Promise((resolve) => (open = () => resolve(way))),
    createLog(() => {}),
  );
  closing.push(() => datagrams.close());
  const one = await client(port);
  one.send('x'.repeat(9_000));
  await expect.poll(() => datagrams.traffic().spliced).toBe(1);
  for (let count = 0; count < 100; count += 1) one.send('y'.repeat(9_000));
  await sleep(100);
  open();
  await sleep(50);
  expect(way.readableLength).toBeLessThan(2 * 9_000);
});

it('reads datagrams from a stream however it is split', () => {
  for (const step of [1, 2, 3, 1_000, 100_000]) {
    const large = Buffer.alloc(step < 10 ? 700 : 65_507, 1);
    const datagrams = [Buffer.alloc(0), Buffer.from('a'), large, Buffer.from('the last')];
    const bytes = Buffer.concat(datagrams.map(frameOf));
    const read: Buffer[] = [];
    const take = createDatagramReader((datagram) => read.push(Buffer.from(datagram)));
    for (let at = 0; at < bytes.length; at += step) take(bytes.subarray(at, at + step));
    expect(read.map((one) => one.toString('hex'))).toEqual(datagrams.map((one) => one.toString('hex')));
  }
});
