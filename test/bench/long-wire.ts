import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { addressOf, gatewayAddress } from '../docker/two-hosts.ts';

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
export async function startLongWire(line: { bytesPerS: number; delayMs: number }): Promise<LongWire> {
  const freeAt = { up: 0, down: 0 };
  const sockets = new Set<Socket>();
  const servers: Server[] = [];

  const carry = (from: Socket, to: Socket, direction: 'up' | 'down', shaped: boolean) => {
    let queued = 0;
    from.on('data', (bytes: Buffer) => {
      if (!shaped) {
        if (!to.write(bytes)) from.pause();
        return;
      }
      const now = performance.now();
      freeAt[direction] = Math.max(freeAt[direction], now) + (bytes.length / line.bytesPerS) * 1000;
      queued += bytes.length;
      if (queued > queueBytesMax) from.pause();
      setTimeout(
        () => {
          queued -= bytes.length;
          to.write(bytes);
          if (queued < queueBytesMax / 2) from.resume();
        },
        freeAt[direction] - now + line.delayMs,
      );
    });
    to.on('drain', () => from.resume());
    from.on('end', () =>
      setTimeout(() => to.end(), shaped ? freeAt[direction] - performance.now() + line.delayMs + 1 : 0),
    );
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
