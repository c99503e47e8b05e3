import net from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { proxyHeader } from '../../agent/forward/proxy-protocol.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { tcp } from './ports.ts';
import { makeTunnel, type TunnelPair } from './tunnel-rig.ts';

const closing: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** An app at a port of this host; returns the port as published. */
async function app(onSocket: (socket: net.Socket) => void): Promise<ForwardedPort> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return tcp((server.address() as net.AddressInfo).port, '127.0.0.1');
}

async function tunnel(ports: ForwardedPort[], proxied: string[] = []): Promise<TunnelPair> {
  const pair = await makeTunnel(ports, proxied);
  closing.push(() => pair.close());
  return pair;
}

const connection = (published: ForwardedPort) => ({
  published,
  client: { address: '192.0.2.7', port: 40_000 },
  server: { address: '198.51.100.1', port: published.port },
});
const open = (pair: TunnelPair, published: ForwardedPort, ms = 15_000): Promise<Duplex> =>
  pair.source.connect(connection(published), AbortSignal.timeout(ms));

const echo = (socket: net.Socket) => void socket.pipe(socket);
const sizeOf = async (stream: Duplex) => {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
};

describe('the tunnel between source and target', () => {
  it('carries many connections at once over one TLS connection', async () => {
    const port = await app(echo);
    const pair = await tunnel([port]);
    const said = await Promise.all(
      Array.from({ length: 600 }, async (_, index) => {
        const stream = await open(pair, port);
        stream.end(`connection ${index}`);
        return await text(stream);
      }),
    );
    expect(said).toEqual(Array.from({ length: 600 }, (_, index) => `connection ${index}`));
    expect(pair.interruptions).toEqual([]);
  });

  it('outlives clients that go away by the thousand', async () => {
    const port = await app(echo);
    const pair = await tunnel([port]);
    for (let round = 0; round < 6; round++) {
      await Promise.all(
        Array.from({ length: 400 }, async (_, index) => {
          const gone = new AbortController();
          const opening = pair.source.connect(connection(port), gone.signal);
          if (index % 2 === 0) {
            if (index % 4 === 0) await new Promise(setImmediate);
            gone.abort();
            await opening.catch(() => {});
          } else {
            const stream = await opening;
            stream.on('error', () => {});
            stream.write('some bytes');
            stream.destroy(new Error('the client is gone'));
          }
        }),
      );
    }
    const last = await open(pair, port);
    last.end('still here');
    expect(await text(last)).toBe('still here');
    expect(pair.interruptions).toEqual([]);
  });

  it('keeps the halves apart: an app that answers at the end of what it reads, and one that speaks first', async () => {
    const counter = await app(async (socket) => socket.end(`${await sizeOf(socket)} bytes`));
    const greeter = await app((socket) => socket.end('hello'));
    const pair = await tunnel([counter, greeter]);
    const stream = await open(pair, counter);
    stream.end(Buffer.alloc(3_000_000));
    expect(await text(stream)).toBe('3000000 bytes');
    const greeted = await open(pair, greeter);
    expect(await text(greeted)).toBe('hello');
    greeted.end();
  });

  it('does not read ahead of a client that does not read, nor stop the others', async () => {
    let written = 0;
    const flooding = await app((socket) => {
      const write = () => {
        while (socket.write(Buffer.alloc(65_536))) written += 65_536;
      };
      socket.on('drain', write);
      write();
    });
    const port = await app(echo);
    const pair = await tunnel([flooding, port]);
    const stalled = await open(pair, flooding);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const other = await open(pair, port);
    other.end('not stopped');
    expect(await text(other)).toBe('not stopped');
    const before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(written).toBe(before);
    stalled.on('error', () => {});
    stalled.destroy();
  });

  it('connects to the recorded ports only, and logs what else is asked for', async () => {
    const port = await app(echo);
    const other = await app(echo);
    const pair = await tunnel([port]);
    await expect(open(pair, other)).rejects.toMatchObject({ code: 'target_unreachable' });
    await expect(open(pair, tcp(port.port))).rejects.toMatchObject({ code: 'target_unreachable' });
    expect(pair.lines).toHaveLength(1);
    expect(pair.lines[0]).toContain('the source asked for a port that this migration does not have');
  });

  it('says that nobody listens at the port, and resets the client of an app that resets', async () => {
    const port = await app((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const pair = await tunnel([port, tcp(1, '127.0.0.1')]);
    await expect(open(pair, tcp(1, '127.0.0.1'))).rejects.toMatchObject({ code: 'target_unreachable' });
    const stream = await open(pair, port);
    stream.write('x');
    await expect(text(stream)).rejects.toThrow();
  });

  it('waits for another connection when it breaks, as long as the client may wait', async () => {
    const port = await app(echo);
    const pair = await tunnel([port]);
    await open(pair, port);
    pair.setOpen(false);
    pair.cut();
    await expect(open(pair, port, 200)).rejects.toMatchObject({ name: 'TimeoutError' });
    const waiting = open(pair, port);
    pair.setOpen(true);
    const stream = await waiting;
    stream.end('back');
    expect(await text(stream)).toBe('back');
  });

  it('sends the PROXY header first, to the ports that want it', async () => {
    const port = await app(echo);
    const pair = await tunnel([port], [`127.0.0.1:${port.port}`]);
    const stream = await open(pair, port);
    stream.end('data');
    const read = Buffer.concat(await stream.toArray());
    expect(read).toEqual(Buffer.concat([proxyHeader(connection(port)), Buffer.from('data')]));
  });
});
