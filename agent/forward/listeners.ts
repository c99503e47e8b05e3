import net from 'node:net';
import { StackferryError } from '../../schema/errors.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { type Family, familiesOf, portName, type Redirect } from './published-port.ts';

export interface Listeners {
  redirects: Redirect[];
  /** Stops listening. Accepted connections stay. */
  close(): void;
}

/**
 * One listener for each published port, at a port that the system chooses, or at that of `earlier`: the rules of an agent
 * that ended lead there. Connections arrive paused and may be half-closed. Throws `resource_taken` if one can't be opened.
 */
export async function openListeners(
  ports: ForwardedPort[],
  families: Family[],
  onConnection: (port: ForwardedPort, socket: net.Socket) => void,
  earlier: Redirect[] = [],
): Promise<Listeners> {
  const servers: net.Server[] = [];
  const close = () => {
    for (const server of servers) server.close();
  };
  try {
    const redirects: Redirect[] = [];
    for (const port of ports) {
      const before = earlier.find((redirect) => portName(redirect) === portName(port));
      const server = net.createServer(socketOptions, (socket) => onConnection(port, socket));
      servers.push(server);
      redirects.push({ ...port, listener: await listening(server, port, families, before?.listener ?? 0) });
    }
    return { redirects, close };
  } catch (error) {
    close();
    throw error;
  }
}

const socketOptions = {
  pauseOnConnect: true,
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: limits.forward.keepAliveDelayMs,
};

function listening(server: net.Server, port: ForwardedPort, families: Family[], listener: number): Promise<number> {
  const own = familiesOf(port).filter((family) => families.includes(family));
  const host = own.includes(6) ? '::' : '0.0.0.0';
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new StackferryError('resource_taken', `Connections to ${portName(port)} can’t be held: ${cause.message}`, {
          cause,
        }),
      ),
    );
    const ipv6Only = !own.includes(4);
    server.listen({ host, port: listener, ipv6Only, backlog: limits.forward.backlog }, () => {
      // A failed accept concerns one connection.
      server.removeAllListeners('error').on('error', () => {});
      resolve((server.address() as net.AddressInfo).port);
    });
  });
}
