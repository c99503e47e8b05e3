import net from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { splice } from '../../agent/forward/splice.ts';
import { openTunnelSource } from '../../agent/forward/tunnel-source.ts';
import { keepTunnelTarget } from '../../agent/forward/tunnel-target.ts';
import { createLog } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { tcp } from './ports.ts';
import { makeTunnel, type TunnelPair } from './tunnel-rig.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function listening(onSocket: (socket: net.Socket) => void, options: net.ServerOpts = {}): Promise<number> {
  const server = net.createServer({ allowHalfOpen: true, ...options }, (socket) => {
    socket.on('error', () => {});
    closing.push(() => socket.destroy());
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

const address = { address: '192.0.2.7', port: 40_000 };
const from = (published: ForwardedPort) => ({ published, client: address, server: address });

/** Clients reach the app through a tunnel; `closed` counts their pairs that have ended. */
async function through(onSocket: (socket: net.Socket) => void) {
  const published: ForwardedPort = tcp(await listening(onSocket), '127.0.0.1');
  const pair: TunnelPair = await makeTunnel([published]);
  closing.push(() => pair.close());
  const address = { address: '192.0.2.7', port: 40_000 };
  let closed = 0;
  const open = () => pair.source.connect({ published, client: address, server: address }, AbortSignal.timeout(10_000));
  const port = await listening((socket) => void open().then((on) => splice(socket, on, () => (closed += 1))), {
    pauseOnConnect: true,
  });
  return { pair, port, closed: () => closed };
}

/** How it ended for a client that sent all it has to say at once. */
function halfClosed(port: number) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  closing.push(() => socket.destroy());
  let got = '';
  const ended = new Promise<string>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.on('end', () => resolve('a clean end'));
  });
  socket.setEncoding('utf8').on('data', (text) => (got += text));
  socket.end('request');
  return { ended, got: () => got };
}

it('half an answer is never taken for all of it when the tunnel breaks for good', async () => {
  const { pair, port } = await through((socket) => {
    socket.resume();
    socket.on('end', () => socket.write('half of the ans'));
  });
  const client = halfClosed(port);
  while (client.got() === '') await sleep(5);
  pair.replaceTarget();
  expect([await client.ended, client.got()]).toEqual(['ECONNRESET', 'half of the ans']);
});

it('a reset right behind an end does not fail, which would leave the descriptor open', async () => {
  const emitted = vi.spyOn(net.Socket.prototype, 'emit');
  closing.push(() => emitted.mockRestore());
  const published = tcp(await listening((socket) => void socket.resume()), '127.0.0.1');
  // Without TLS, so that both frames arrive together.
  const arrived = Promise.withResolvers<net.Socket>();
  const near = net.connect(await listening(arrived.resolve), '127.0.0.1');
  const far = await arrived.promise;
  const over = new AbortController();
  closing.push(() => over.abort());
  const link = (socket: net.Socket) => {
    const sockets = [socket];
    const dial = async () => sockets.pop() ?? (await new Promise<never>(() => {}));
    return { dial, onInterrupted: () => {}, signal: over.signal };
  };
  keepTunnelTarget(link(far), { ports: [published], log: createLog(() => {}) }).catch(() => {});
  const source = openTunnelSource(link(near), new Set());
  for (let count = 0; count < 20; count += 1) {
    const stream = await source.connect(from(published), AbortSignal.timeout(5_000));
    stream.on('error', () => {});
    stream.write('x');
    stream.end();
    stream.once('finish', () => stream.destroy(new Error('gone')));
    await sleep(5);
  }
  const faults = (emitted.mock.calls as unknown[][]).map(([event, error]) => `${event}: ${error}`);
  expect(faults.filter((fault) => fault.includes('reset EINVAL'))).toEqual([]);
});

it('an answer that ends is a clean end', async () => {
  const { port, closed } = await through((socket) => {
    socket.resume();
    socket.on('end', () => socket.end('the answer'));
  });
  const client = halfClosed(port);
  expect([await client.ended, client.got()]).toEqual(['a clean end', 'the answer']);
  await expect.poll(closed).toBe(1);
});
