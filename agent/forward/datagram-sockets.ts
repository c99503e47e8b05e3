import dgram from 'node:dgram';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { StackferryError } from '../../schema/errors.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { addressOf, familiesOf, portName } from './published-port.ts';

/**
 * Where a published UDP port is listened for: at its address, or at each of this host, so that answers come from the one that the
 * client asked, and no other program can take a part. `portCount`: of the stack. Of very many ports and addresses, those for
 * every address are left.
 */
export function datagramAddresses(published: ForwardedPort, portCount: number): string[] {
  const address = addressOf(published);
  if (address !== null) return [address];
  const families = familiesOf(published);
  const own = ownAddresses().filter((one) => families.includes(isIPv6(one) ? 6 : 4));
  if (own.length * portCount <= limits.forward.datagramSocketsMax) return own;
  return ['0.0.0.0', '::'].filter((every) => own.some((one) => isIPv6(one) === isIPv6(every)));
}

/** Throws `resource_taken` if another program has the port. */
export function bindDatagrams(published: ForwardedPort, address: string): Promise<dgram.Socket> {
  const type = isIPv6(address) ? 'udp6' : 'udp4';
  const socket = dgram.createSocket({ type, ipv6Only: type === 'udp6' });
  return new Promise((resolve, reject) => {
    socket.once('error', (cause) => {
      socket.close();
      const message = `The port ${portName(published)} is not free: ${cause.message}`;
      reject(new StackferryError('resource_taken', message, { cause }));
    });
    socket.bind({ address, port: published.port }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** The loopback's too; a link-local one with its interface. */
const ownAddresses = (): string[] =>
  Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.map(({ address, scopeid }) => (scopeid ? `${address}%${name}` : address)),
  );
