import net from 'node:net';
import type { Carry } from '../../agent/forward/carry.ts';
import { openTunnelSource, type TunnelSource } from '../../agent/forward/tunnel-source.ts';
import { keepTunnelTarget } from '../../agent/forward/tunnel-target.ts';
import { startInnerTls } from '../../agent/transfer/inner-tls.ts';
import { createLog } from '../../node/log.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { createTestFleet } from '../support/certificates.ts';

export interface TunnelPair {
  source: TunnelSource;
  /** Lines of the target's log. */
  lines: string[];
  interruptions: unknown[];
  /** Cuts the connection between the two, as the end of a relay does; both dial again. */
  cut(): void;
  /** From now on the connection of now brings nothing, and nobody says so. */
  freeze(): void;
  /** Another target in place of the one that died. */
  replaceTarget(): void;
  /** While closed, dials wait. */
  setOpen(isOpen: boolean): void;
  /** Says this to the target in the source's place; resolves when the target has hung up, to how many bytes it answered. */
  intrude(said: Buffer): Promise<number>;
  close(): Promise<void>;
}

/** Both ends of a tunnel in this process, over real TLS and a relay. */
export async function makeTunnel(ports: ForwardedPort[], proxied: string[] = [], carry?: Carry): Promise<TunnelPair> {
  const fleet = await createTestFleet();
  const [source, target] = [await fleet.identity('host', 'source'), await fleet.identity('host', 'target')];
  const over = new AbortController();
  const interruptions: unknown[] = [];
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line));
  const server = net.createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const arrived: net.Socket[] = [];
  let wake = () => {};
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    arrived.push(socket);
    wake();
  });
  const relay = await makeRelay(port);
  let opened = Promise.withResolvers<void>();
  opened.resolve();
  const onInterrupted = (error: unknown) => void interruptions.push(error);

  const serving: Promise<void>[] = [];
  let targetOver = new AbortController();
  const serve = () => {
    targetOver = new AbortController();
    const link = {
      ...{ onInterrupted, signal: AbortSignal.any([over.signal, targetOver.signal]) },
      dial: async (signal: AbortSignal) => {
        while (arrived.length === 0) {
          signal.throwIfAborted();
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
        return await startInnerTls(arrived.shift()!, target, 'target', 'source', signal);
      },
    };
    serving.push(keepTunnelTarget(link, { ports, log }));
  };
  serve();
  const tunnel = openTunnelSource(
    {
      ...{ onInterrupted, signal: over.signal },
      dial: async (signal) => {
        await opened.promise;
        return await startInnerTls(net.connect(relay.port, '127.0.0.1'), source, 'source', 'target', signal);
      },
    },
    new Set(proxied),
    carry ? { carry } : {},
  );
  const setOpen = (isOpen: boolean) => {
    if (isOpen) opened.resolve();
    else opened = Promise.withResolvers();
  };
  return {
    source: tunnel,
    lines,
    interruptions,
    cut: relay.cut,
    freeze: relay.freeze,
    replaceTarget: () => {
      relay.cut();
      targetOver.abort();
      serve();
    },
    setOpen,
    intrude: async (said) => {
      setOpen(false);
      relay.cut();
      const signal = AbortSignal.timeout(10_000);
      const socket = await startInnerTls(net.connect(relay.port, '127.0.0.1'), source, 'source', 'target', signal);
      let read = 0;
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => {}).on('data', ({ length }: Buffer) => (read += length));
      socket.write(said);
      await closed;
      setOpen(true);
      return read;
    },
    close: async () => {
      over.abort();
      opened.resolve();
      server.close();
      await Promise.all([tunnel.ended, ...serving]);
      relay.close();
    },
  };
}

/** Joins each connection with one to this port. */
async function makeRelay(port: number) {
  const live = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (one) => {
    const other = net.connect({ port, host: '127.0.0.1', noDelay: true });
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      live.add(from);
      from.on('error', () => {});
      from.once('close', () => {
        live.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of live) socket.destroy();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    cut,
    freeze: () => {
      for (const socket of live) socket.unpipe().pause();
    },
    close: () => {
      server.close();
      cut();
    },
  };
}
