import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Address } from '../../../schema/address.ts';

export interface ManyAddresses {
  /** Where hosts connect. */
  url: string;
  /** When the control plane accepted a connection, in `performance.now`'s time. */
  accepted: number[];
  close(): Promise<void>;
}

/**
 * Passes each connection on to the control plane from a loopback address of its own: hosts of a fleet have their own
 * addresses, and the control plane limits what one address may do (`limits.api.nodeAttemptsPerMinute`).
 */
export async function openManyAddresses(to: Address): Promise<ManyAddresses> {
  const accepted: number[] = [];
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer({ noDelay: true }, (host) => {
    const onward = connect({ ...to, localAddress: loopbackAddress(count++), noDelay: true });
    onward.once('connect', () => void accepted.push(performance.now()));
    join(host, onward);
    join(onward, host);
    open.add(host);
    host.once('close', () => open.delete(host));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    accepted,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function join(from: Socket, to: Socket): void {
  from.on('error', () => from.destroy());
  from.once('close', () => to.destroySoon());
  from.pipe(to);
}

/** 127.1.0.0 and on: all of 127/8 is this machine. */
const loopbackAddress = (number: number) => `127.${1 + ((number >> 16) & 127)}.${(number >> 8) & 255}.${number & 255}`;
