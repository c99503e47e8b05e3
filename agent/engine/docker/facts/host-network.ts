import { readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';

/** The host's network as seen by the agent, which runs in its network namespace. */
export interface HostNetwork {
  addresses: string[];
  interfaces: string[];
  /** Without the default routes, which contain every address. */
  routes: { subnet: string; device: string }[];
  /** The kernel allows to bind an address that no interface has. */
  bindsAny: boolean;
}

export async function readHostNetwork(): Promise<HostNetwork> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '');
  const [routes4, routes6, interfaces, nonlocal] = await Promise.all([
    read('/proc/self/net/route'),
    // A kernel without IPv6 has no such table.
    read('/proc/self/net/ipv6_route'),
    readdir('/sys/class/net').catch(() => []),
    read('/proc/sys/net/ipv4/ip_nonlocal_bind'),
  ]);
  return {
    addresses: Object.values(networkInterfaces()).flatMap((own) => (own ?? []).map(({ address }) => address)),
    interfaces,
    routes: [...routesIn(routes4), ...routes6In(routes6)],
    bindsAny: nonlocal.trim() === '1',
  };
}

/**
 * Parses /proc/net/route: interface, destination, gateway, flags, three counters, mask; addresses in host byte order.
 */
export function routesIn(table: string): HostNetwork['routes'] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device = '', destination = '', , , , , , mask = ''] = line.trim().split(/\s+/);
      const bits = bitsOf(Number.parseInt(mask, 16));
      return bits > 0 ? [{ subnet: `${dotted(destination)}/${bits}`, device }] : [];
    });
}

/** Parses /proc/net/ipv6_route: destination, prefix length, …, interface. Skips link-local and host routes. */
export function routes6In(table: string): HostNetwork['routes'] {
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [destination = '', length = ''] = fields;
    const bits = Number.parseInt(length, 16);
    const device = fields.at(-1) ?? '';
    if (destination.length !== 32 || bits === 0 || bits === 128 || /^f[ef]/.test(destination) || device === 'lo')
      return [];
    return [{ subnet: `${(destination.match(/.{4}/g) ?? []).join(':')}/${bits}`, device }];
  });
}

/** `0200A8C0` is 192.168.0.2. */
export const dotted = (hex: string): string =>
  (hex.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');

function bitsOf(mask: number): number {
  let bits = 0;
  for (let rest = mask >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) bits += 1;
  return bits;
}
