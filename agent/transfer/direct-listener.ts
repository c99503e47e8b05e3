import net from 'node:net';
import type { Address } from '../../schema/address.ts';
import { createOpeningReader, directGo } from '../../schema/direct-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

/** Accepts sources that connect without a relay. */
export interface DirectListener {
  port: number;
  /** Resolves to the next socket that asks for this session. Rejects with the signal's reason. */
  wait(session: string, signal: AbortSignal): Promise<net.Socket>;
  close(): Promise<void>;
}

/** A source that connects before its session is waited for is held for `goMsMax`; at most `waitingMax` are held. */
export async function openDirectListener(listen: Address): Promise<DirectListener> {
  const waiting = new Map<string, (socket: net.Socket) => void>();
  const early = new Map<string, net.Socket>();
  const deadlines = new WeakMap<net.Socket, NodeJS.Timeout>();

  /** Runs from the start, not from the last byte: bytes that trickle in do not extend it. */
  const endIn = (ms: number, socket: net.Socket) => {
    const timer = setTimeout(() => socket.destroy(), ms);
    deadlines.set(socket, timer);
    socket.once('close', () => clearTimeout(timer));
  };
  const stay = (socket: net.Socket) => clearTimeout(deadlines.get(socket));

  const arrive = (session: string, socket: net.Socket) => {
    const take = waiting.get(session);
    if (take) return take(socket);
    if (early.size >= limits.direct.waitingMax) return void socket.destroy();
    early.get(session)?.destroy();
    early.set(session, socket);
    const forget = () => void (early.get(session) === socket && early.delete(session));
    endIn(limits.direct.goMsMax, socket);
    socket.once('close', forget);
  };

  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    endIn(limits.direct.openingMsMax, socket);
    const opening = createOpeningReader((bytes) => socket.read(bytes));
    const look = () => {
      try {
        const session = opening();
        if (session === null) return;
        socket.off('readable', look);
        stay(socket);
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
        new StackferryError('invalid_request', `Can’t listen on ${listen.host}:${listen.port}: ${cause.message}`, {
          cause,
        }),
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
          stay(socket);
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
