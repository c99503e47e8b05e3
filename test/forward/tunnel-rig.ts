import net from 'node:net';
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
  /** Cuts the connection between the two; both dial again. */
  cut(): void;
  /** While closed, dials wait. */
  setOpen(isOpen: boolean): void;
  close(): Promise<void>;
}

/** Both ends of a tunnel in this process, over real TLS. */
export async function makeTunnel(ports: ForwardedPort[], proxied: string[] = []): Promise<TunnelPair> {
  const fleet = await createTestFleet();
  const [source, target] = [await fleet.identity('host', 'source'), await fleet.identity('host', 'target')];
  const over = new AbortController();
  const interruptions: unknown[] = [];
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line));
  const server = net.createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const live = new Set<net.Socket>();
  const arrived: net.Socket[] = [];
  let wake = () => {};
  server.on('connection', (socket) => {
    live.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => live.delete(socket));
    arrived.push(socket);
    wake();
  });
  let opened = Promise.withResolvers<void>();
  opened.resolve();
  const shared = { onInterrupted: (error: unknown) => void interruptions.push(error), signal: over.signal };

  const serving = keepTunnelTarget(
    {
      ...shared,
      dial: async (signal) => {
        while (arrived.length === 0) {
          signal.throwIfAborted();
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
        return await startInnerTls(arrived.shift()!, target, 'target', 'source', signal);
      },
    },
    { ports, log },
  );
  const tunnel = openTunnelSource(
    {
      ...shared,
      dial: async (signal) => {
        await opened.promise;
        return await startInnerTls(net.connect(port, '127.0.0.1'), source, 'source', 'target', signal);
      },
    },
    new Set(proxied),
  );
  return {
    source: tunnel,
    lines,
    interruptions,
    cut: () => {
      for (const socket of live) socket.destroy();
    },
    setOpen: (isOpen) => {
      if (isOpen) opened.resolve();
      else opened = Promise.withResolvers();
    },
    close: async () => {
      over.abort();
      opened.resolve();
      server.close();
      await Promise.all([tunnel.ended, serving]);
      for (const socket of live) socket.destroy();
    },
  };
}
