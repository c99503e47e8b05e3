import { isIPv6, type Socket } from 'node:net';

/**
 * Connections that have not shown yet that they belong to the fleet. Anyone can open them, so they are few, in all and
 * of one address; at the bound the oldest of the address that has most gives way. One that means well needs its place
 * for a handshake only, and connections that were admitted are not counted here: a flood does not cost them theirs.
 */
export interface Unauthenticated {
  add(socket: Socket): void;
  /** It showed who it is. `address` and `port`: of its other end. */
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

/** A host of IPv6 has a network of 64 bits to itself. */
function networkOf(address = ''): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: plain.includes('::') ? 8 - groups.length - last.length : 0 }, () => '0');
  return [...groups, ...zeros, ...last].slice(0, 4).join(':');
}
