import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { addressOf, gatewayAddress } from '../docker/two-hosts.ts';
import { startLosses } from './losses.ts';

export interface Line {
  /** Of all connections together, each way. */
  bytesPerS: number;
  /** Each way. */
  delayMs: number;
  /** Each connection loses one segment in so many, and stalls for a round trip: the time until it has been sent again. */
  lossEverySegments?: number;
}

/** A port that leads somewhere else, over a line of limited rate and with a delay each way. */
export interface Leg {
  address: string;
  to(target: string): void;
}

export interface LongWire {
  relay: Leg;
  ssh: Leg;
  close(): Promise<void>;
}

/** What may wait in one direction before its sender is made to wait. */
const queueBytesMax = 2_097_152;

/**
 * The line between host a and the rest of the world: what host b sends to the relay does not cross it. All connections of
 * a direction share its rate.
 */
export async function startLongWire({
  bytesPerS,
  delayMs,
  lossEverySegments = Number.POSITIVE_INFINITY,
}: Line): Promise<LongWire> {
  const freeAt = { up: 0, down: 0 };
  const sockets = new Set<Socket>();
  const servers: Server[] = [];

  const carry = (from: Socket, to: Socket, direction: 'up' | 'down', shaped: boolean) => {
    // In one queue: of timers that are due in the same millisecond any may come first.
    const queue: { dueAt: number; bytes: Buffer | null }[] = [];
    const split = startLosses(lossEverySegments);
    let heldUntil = 0;
    let queued = 0;
    let waiting = false;
    const forwardIn = (ms: number) => {
      waiting = true;
      setTimeout(forward, Math.max(1, ms));
    };
    const forward = () => {
      waiting = false;
      while (queue[0] && queue[0].dueAt <= performance.now()) {
        const { bytes } = queue.shift()!;
        queued -= bytes?.length ?? 0;
        if (bytes) to.write(bytes);
        else to.end();
      }
      if (queued < queueBytesMax / 2) from.resume();
      if (queue[0]) forwardIn(queue[0].dueAt - performance.now());
    };
    const enqueue = (bytes: Buffer | null, lost = false) => {
      freeAt[direction] = Math.max(freeAt[direction], performance.now());
      freeAt[direction] += ((bytes?.length ?? 0) / bytesPerS) * 1000;
      const dueAt = Math.max(freeAt[direction] + delayMs, heldUntil);
      if (lost) heldUntil = dueAt + 2 * delayMs;
      queue.push({ dueAt, bytes });
      queued += bytes?.length ?? 0;
      if (queued > queueBytesMax) from.pause();
      if (!waiting) forwardIn(delayMs);
    };
    from.on('data', (bytes: Buffer) => {
      if (shaped) for (const piece of split(bytes)) enqueue(piece.bytes, piece.lost);
      else if (!to.write(bytes)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => (shaped ? enqueue(null) : to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => sockets.delete(from));
  };

  const leg = async (): Promise<Leg> => {
    let target = { host: '', port: 0 };
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
      const far = connect({ ...target, noDelay: true, allowHalfOpen: true });
      const shaped = near.remoteAddress === addressOf.a;
      for (const socket of [near, far]) sockets.add(socket);
      carry(near, far, 'up', shaped);
      carry(far, near, 'down', shaped);
    });
    servers.push(server);
    await new Promise<void>((ready) => server.listen(0, gatewayAddress, ready));
    return {
      address: `${gatewayAddress}:${(server.address() as AddressInfo).port}`,
      to: (address) => {
        const [host = '', port] = address.split(':');
        target = { host, port: Number(port) };
      },
    };
  };

  return {
    relay: await leg(),
    ssh: await leg(),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
    },
  };
}
