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
 * One listener for each published TCP port, at a port that the system chooses, or at that of `earlier`: the rules of an agent
 * that ended lead there. UDP is the agent's own (`datagrams.ts`). Connections arrive paused and may be half-closed. Throws
 * `resource_taken` if one can't be opened.
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
      if (port.protocol === 'udp') {
        redirects.push({ ...port, listener: port.port });
        continue;
      }
      const before = earlier.find((redirect) => portName(redirect) === portName(port));
      const server = net.createServer(socketOptions, (socket) => onConnection(port, socket));
      servers.push(server);
      const listener = await listening(server, port, families, before?.listener ?? 0).catch((error) => {
        // Somebody has that port by now; the rules are made for the new one.
        if (!before || (error.cause as NodeJS.ErrnoException | undefined)?.code !== 'EADDRINUSE') throw error;
        return listening(server, port, families, 0);
      });
      redirects.push({ ...port, listener });
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
  const host = hostOf(port, own);
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

/** What is published for this host alone is not listened for elsewhere, whatever becomes of the rules. */
function hostOf({ host_ip }: ForwardedPort, own: Family[]): string {
  if (host_ip === '::1' || (host_ip.startsWith('127.') && own.includes(4)))
    return host_ip.includes(':') ? '::1' : '127.0.0.1';
  return own.includes(6) ? '::' : '0.0.0.0';
}
