import net from 'node:net';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { localAddresses } from './published-port.ts';

/** Connects to a port that this host publishes. Rejects with the socket's error, or the signal's reason. */
export async function connectTo(published: ForwardedPort, signal: AbortSignal): Promise<net.Socket> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(limits.forward.connectMsMax)]);
  let refused: unknown;
  for (const host of localAddresses(published)) {
    try {
      return await connectAt(host, published.port, until);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
      refused = error;
    }
  }
  throw refused;
}

function connectAt(host: string, port: number, until: AbortSignal): Promise<net.Socket> {
  const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
  return new Promise((resolve, reject) => {
    const abort = () => {
      socket.destroy();
      reject(until.reason);
    };
    const settled = () => until.removeEventListener('abort', abort);
    until.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => {
      settled();
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
    socket.once('close', settled);
    if (until.aborted) abort();
  });
}
