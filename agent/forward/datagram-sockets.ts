import dgram from 'node:dgram';
import net from 'node:net';
import { StackferryError } from '../../schema/errors.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { hostFamilies } from './firewall.ts';
import { addressOf, type Family, familiesOf, ownAddresses, portName } from './published-port.ts';

/**
 * Binds a published UDP port. One that is published at every address gets a socket for each address of this host as well:
 * answers then come from the address that the client asked. Throws `resource_taken` if another program has the port.
 * `portCount`: of the stack, which share a bound on sockets.
 */
export async function bindDatagrams(published: ForwardedPort, portCount = 1): Promise<dgram.Socket[]> {
  const bound: dgram.Socket[] = [];
  try {
    for (const address of wantedAddresses(published)) bound.push(await bindAt(address, published.port));
  } catch (cause) {
    for (const socket of bound) socket.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StackferryError('resource_taken', `The port ${portName(published)} is not free: ${why}`, { cause });
  }
  if (addressOf(published) !== null) return bound;
  const families = new Set(bound.map((socket) => familyOf(socket.address().address)));
  const own = allAddresses().filter((one) => families.has(familyOf(one)));
  if (own.length * portCount > limits.forward.ownAddressSocketsMax) return bound;
  // The socket for every address has what these can't take.
  const more = await Promise.allSettled(own.map((address) => bindAt(address, published.port)));
  return [...bound, ...more.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))];
}

/** A host without an address of IPv6 has no socket of it. */
function wantedAddresses(published: ForwardedPort): string[] {
  const address = addressOf(published);
  if (address !== null) return [address];
  const families = new Set(allAddresses().map(familyOf));
  return familiesOf(published)
    .filter((family) => families.has(family))
    .map((family) => (family === 4 ? '0.0.0.0' : '::'));
}

const allAddresses = (): string[] => ['127.0.0.1', ...localhost6(), ...ownAddresses()];
const localhost6 = () => (hostFamilies().includes(6) ? ['::1'] : []);
const familyOf = (address: string): Family => (net.isIPv6(address) ? 6 : 4);

/** `reuseAddr`: beside the socket for every address. A port that another program has is refused all the same. */
function bindAt(address: string, port: number): Promise<dgram.Socket> {
  const type = `udp${familyOf(address)}` as const;
  const socket = dgram.createSocket({ type, ipv6Only: type === 'udp6', reuseAddr: true });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
