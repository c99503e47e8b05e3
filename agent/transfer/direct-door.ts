import net from 'node:net';
import { createOpeningReader, directGo } from '../../schema/direct-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

/** Where sources reach this host without a relay (`--listen`). */
export interface DirectDoor {
  port: number;
  /** The next socket that asks for this session. Rejects with the signal's reason. */
  wait(session: string, signal: AbortSignal): Promise<net.Socket>;
  close(): Promise<void>;
}

/** Who comes before the session is waited for is kept waiting, for a while and up to a number. */
export async function openDirectDoor(listen: { host: string; port: number }): Promise<DirectDoor> {
  const waiting = new Map<string, (socket: net.Socket) => void>();
  const early = new Map<string, net.Socket>();

  const arrive = (session: string, socket: net.Socket) => {
    const take = waiting.get(session);
    if (take) return take(socket);
    if (early.size >= limits.direct.waitingMax) return void socket.destroy();
    early.get(session)?.destroy();
    early.set(session, socket);
    const forget = () => void (early.get(session) === socket && early.delete(session));
    socket.setTimeout(limits.direct.goMsMax, () => socket.destroy());
    socket.once('close', forget);
  };

  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.setTimeout(limits.direct.openingMsMax, () => socket.destroy());
    const opening = createOpeningReader((bytes) => socket.read(bytes));
    const look = () => {
      try {
        const session = opening();
        if (session === null) return;
        socket.off('readable', look);
        socket.setTimeout(0);
        arrive(session, socket);
      } catch {
        socket.destroy();
      }
    };
    socket.on('readable', look);
  });
  server.maxConnections = limits.direct.connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new StackferryError('invalid_request', `--listen ${listen.host}:${listen.port}: ${cause.message}`, { cause }),
      ),
    );
    server.listen(listen.port, listen.host, resolve);
  });

  return {
    port: (server.address() as net.AddressInfo).port,
    wait: (session, signal) =>
      new Promise((resolve, reject) => {
        const leave = () => {
          waiting.delete(session);
          reject(signal.reason);
        };
        const take = (socket: net.Socket) => {
          waiting.delete(session);
          early.delete(session);
          signal.removeEventListener('abort', leave);
          socket.setTimeout(0);
          socket.removeAllListeners('timeout');
          socket.write(Buffer.of(directGo));
          resolve(socket);
        };
        if (signal.aborted) return reject(signal.reason);
        const there = early.get(session);
        if (there && !there.destroyed) return take(there);
        waiting.set(session, take);
        signal.addEventListener('abort', leave, { once: true });
      }),
    close: () => {
      for (const socket of early.values()) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
