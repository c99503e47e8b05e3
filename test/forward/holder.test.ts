import net from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { connectTo } from '../../agent/forward/connect-to.ts';
import { type ConnectOn, Holder, type HolderBounds } from '../../agent/forward/holder.ts';
import { openListeners } from '../../agent/forward/listeners.ts';
import { createLog } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { tcp } from './ports.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const published: ForwardedPort = tcp(8080);

async function holding(bounds: Partial<HolderBounds> = {}) {
  const lines: string[] = [];
  const holder = new Holder(
    [published],
    createLog((line) => lines.push(line)),
    bounds,
  );
  const listeners = await openListeners([published], [4], (port, socket) => holder.take(port, socket));
  closing.push(async () => {
    listeners.close();
    await holder.close(0);
  });
  holder.hold();
  const { listener } = listeners.redirects[0]!;
  const client = () => {
    const socket = net.connect({ host: '127.0.0.1', port: listener, allowHalfOpen: true });
    socket.on('error', () => {});
    closing.push(() => socket.destroy());
    return socket;
  };
  return { holder, client, lines, held: (count: number) => until(() => holder.counts().held === count) };
}

/** An app that greets, then echoes; returns the way to it. */
async function greeter(): Promise<ConnectOn> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.write('hello ');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  return (_connection, signal) => connectTo(tcp(port, '127.0.0.1'), signal);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

/** How a connection ended for the client. */
const endOf = (socket: net.Socket) =>
  new Promise<string>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.on('end', () => {
      socket.end();
      resolve('end');
    });
    socket.resume();
  });

describe('held connections', () => {
  it('are passed on a few at a time, the oldest first, and each in the end', async () => {
    const { holder, client, held } = await holding({ openingMax: 2 });
    const opened: (() => void)[] = [];
    const order: number[] = [];
    const on = await greeter();
    const clients = Array.from({ length: 5 }, () => client());
    await held(5);
    const ports = clients.map((socket) => socket.localPort);
    holder.forward(async (connection, signal) => {
      order.push(ports.indexOf(connection.client.port));
      await new Promise<void>((resolve) => opened.push(resolve));
      return on(connection, signal);
    });
    expect(opened.length).toBe(2);
    for (let count = 0; count < 5; count += 1) {
      await until(() => opened.length > count);
      expect(opened.length - count).toBeLessThanOrEqual(2);
      opened[count]?.();
      await until(() => holder.counts().spliced > count);
    }
    expect(order.slice(0, 2).toSorted()).toEqual(order.slice(0, 2));
    expect([holder.counts().held, order.length]).toEqual([0, 5]);
  });

  it('are passed on with what the client had sent, half-closed or not, and the later ones as well', async () => {
    const { holder, client, held } = await holding();
    const [silent, early, late] = [client(), client(), client()];
    early.end('sent while it was held');
    await held(3);
    holder.forward(await greeter());
    expect(await text(early)).toBe('hello sent while it was held');
    silent.end();
    expect(await text(silent)).toBe('hello ');
    late.end('x');
    const after = client();
    after.end('y');
    expect([await text(late), await text(after)]).toEqual(['hello x', 'hello y']);
    await until(() => holder.counts().spliced === 0);
    expect(holder.counts()).toMatchObject({ held: 0, refused: 0, expired: 0, failed: 0 });
    expect(holder.traffic.report().sources).toEqual([{ address: '127.0.0.1', total: 4 }]);
  });

  it('end cleanly once they have waited too long, even if they have sent something', async () => {
    const { holder, client } = await holding({ holdMsMax: 100 });
    const [silent, spoke] = [client(), client()];
    spoke.write('unread');
    expect(await Promise.all([endOf(silent), endOf(spoke)])).toEqual(['end', 'end']);
    expect(holder.counts()).toMatchObject({ held: 0, expired: 2 });
  });

  it('are bounded in number: one more is closed at once', async () => {
    const { holder, client, held } = await holding({ heldMax: 2 });
    client();
    client();
    await held(2);
    expect(await endOf(client())).toBe('ECONNRESET');
    expect(holder.counts()).toMatchObject({ held: 2, refused: 1 });
  });

  it('wait on if forwarding stops before their way is open, and are never passed on twice', async () => {
    const { holder, client, held } = await holding();
    const one = client();
    await held(1);
    const aborted: unknown[] = [];
    holder.forward(
      (_connection, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.push(signal.reason);
            reject(signal.reason);
          });
        }),
    );
    await sleep(20);
    holder.hold();
    await sleep(20);
    expect(aborted).toHaveLength(1);
    expect(holder.counts()).toMatchObject({ held: 1, failed: 0 });
    holder.forward(await greeter());
    one.end('again');
    expect(await text(one)).toBe('hello again');
  });

  it('are reset if there is no way on, with one line in the log for all of them', async () => {
    const { holder, client, held, lines } = await holding();
    const clients = [client(), client(), client()];
    await held(3);
    holder.forward(async () => {
      throw new Error('nobody there');
    });
    expect(await Promise.all(clients.map(endOf))).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
    expect(holder.counts().failed).toBe(3);
    expect(lines).toHaveLength(1);
  });

  it('end with the holder: those held cleanly, those passed on after a grace', async () => {
    const { holder, client, held } = await holding();
    const passed = client();
    await held(1);
    holder.forward(await greeter());
    await until(() => holder.counts().spliced === 1);
    holder.hold();
    const waits = client();
    await held(1);
    const ends = Promise.all([endOf(passed), endOf(waits)]);
    await holder.close(50);
    expect(await ends).toEqual(['ECONNRESET', 'end']);
    expect(await endOf(client())).toBe('ECONNRESET');
  });
});
