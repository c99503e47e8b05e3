import { isIPv6, type Socket } from 'node:net';

/**
 * Connections that have not yet proven to belong to the fleet. Anyone can open them, so they are limited in total and
 * per network; at a limit, the oldest of that network, or of the largest one, is dropped. An honest connection is
 * counted only during its handshake. Admitted ones are not counted, so a flood can't displace them.
 */
export interface Unauthenticated {
  add(socket: Socket): void;
  /** The connection has proven its identity. `address` and `port` are those of its remote end. */
  admit(address: string | undefined, port: number | undefined): void;
}

export function trackUnauthenticated(
  bounds: { unauthenticatedMax: number; unauthenticatedPerAddressMax: number },
  onDropped: () => void,
): Unauthenticated {
  /** By network, then by address and port; oldest first. */
  const networks = new Map<string, Map<string, Socket>>();
  let count = 0;

  const forget = (address: string | undefined, key: string) => {
    const network = networkOf(address);
    const own = networks.get(network);
    if (!own?.delete(key)) return;
    count -= 1;
    if (own.size === 0) networks.delete(network);
  };
  const dropOldest = (own: Map<string, Socket>) => {
    const [oldest] = own.values();
    onDropped();
    oldest?.destroy();
  };
  const largest = () => [...networks.values()].reduce((most, own) => (own.size > most.size ? own : most));

  return {
    add(socket) {
      const { remoteAddress, remotePort } = socket;
      const key = `${remoteAddress} ${remotePort}`;
      const network = networkOf(remoteAddress);
      const own = networks.get(network) ?? new Map<string, Socket>();
      networks.set(network, own);
      own.set(key, socket);
      count += 1;
      socket.once('close', () => own.get(key) === socket && forget(remoteAddress, key));
      if (own.size > bounds.unauthenticatedPerAddressMax) dropOldest(own);
      else if (count > bounds.unauthenticatedMax) dropOldest(largest());
    },
    admit: (address, port) => forget(address, `${address} ${port}`),
  };
}

/** Returns an IPv4 address as it is, and the /64 network of an IPv6 address: an IPv6 host usually has one to itself. */
function networkOf(address = ''): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: plain.includes('::') ? 8 - groups.length - last.length : 0 }, () => '0');
  return [...groups, ...zeros, ...last].slice(0, 4).join(':');
}
