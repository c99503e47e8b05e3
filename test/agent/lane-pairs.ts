import net from 'node:net';
import type { TLSSocket } from 'node:tls';

/**
 * Stands in for relay and tickets: the source's and the target's dial of one lane meet over a loopback socket pair.
 * What they speak over it is the real stream; TLS is the transfer's own tests' business.
 */
export function createLanePairs() {
  const waiting = new Map<string, (socket: net.Socket) => void>();
  return async (lane: string, signal: AbortSignal): Promise<TLSSocket> => {
    const meet = waiting.get(lane);
    waiting.delete(lane);
    const [mine, theirs] = meet ? await socketPair() : [];
    if (meet && mine && theirs) {
      meet(theirs);
      return mine as TLSSocket;
    }
    return new Promise((resolve, reject) => {
      waiting.set(lane, (socket) => resolve(socket as TLSSocket));
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  };
}

async function socketPair(): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const near = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const far = await new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  server.close();
  return [near, far];
}
