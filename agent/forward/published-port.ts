import { isIP, isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { StackferryError } from '../../schema/errors.ts';
import type { ForwardedPort } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';

/** A published port, and the port of the listener that takes its connections; for UDP it is the published one itself. */
export interface Redirect extends ForwardedPort {
  listener: number;
}

export interface ClientConnection {
  published: ForwardedPort;
  client: { address: string; port: number };
  /** The address that the redirection chose on this host, with the published port. */
  server: { address: string; port: number };
}

export type Family = 4 | 6;

/** Names a published port in logs, records and the tunnel: `*:80`, `192.0.2.1:80`, `[2001:db8::1]:80`, `*:53/udp`. */
export function portName({ host_ip, port, protocol }: ForwardedPort): string {
  const host = host_ip === '' ? '*' : isIP(host_ip) === 6 ? `[${host_ip}]` : host_ip;
  return protocol === 'tcp' ? `${host}:${port}` : `${host}:${port}/${protocol}`;
}

/** Names it as the authority of a stream, which may have no slash. */
export const streamName = (port: ForwardedPort): string => portName(port).replace('/', ':');

/** Whose connections reach a port that is published on this address. */
export function familiesOf({ host_ip }: Pick<ForwardedPort, 'host_ip'>): Family[] {
  if (host_ip === '') return [4, 6];
  return isIP(host_ip) === 6 ? [6] : [4];
}

/** Null for every address of its families. */
export const addressOf = ({ host_ip }: Pick<ForwardedPort, 'host_ip'>): string | null =>
  ['', '0.0.0.0', '::'].includes(host_ip) ? null : host_ip;

/** An address as a listener for both families shows it: IPv4 in its own form, a link-local one without its interface. */
export const plainAddress = (address: string): string => ipaddr.process(address.replace(/%.*$/, '')).toString();

/**
 * Where the host itself reaches a published port, the best first: an address of its own leads to the app, the loopback to
 * Docker's proxy, which accepts at once what the app's queue has no room for.
 */
export function localAddresses({ host_ip }: ForwardedPort): string[] {
  const address = addressOf({ host_ip });
  if (address !== null) return [address];
  const [isOwn, loopback] = host_ip === '::' ? [isIPv6, '::1'] : [isIPv4, '127.0.0.1'];
  return [...ownAddresses().filter(isOwn).slice(0, 1), loopback];
}

/** The host's addresses but those of the loopback; link-local ones belong to an interface as well, and are left out. */
const ownAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses)
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address);

/**
 * Returns each port once, those of one address first, since a rule for every address would hide a later one. Throws
 * `invalid_request` for what is no address or port, and for too many: these values become rules of the host's firewall.
 */
export function checkedPorts(ports: ForwardedPort[]): ForwardedPort[] {
  const plain = ports.map(({ host_ip, ...port }) => ({
    host_ip: host_ip.replace(/^\[(.*)\]$/, '$1').toLowerCase(),
    ...port,
  }));
  for (const port of plain) {
    const isPort = Number.isInteger(port.port) && port.port > 0 && port.port < 65_536;
    const isAddress = port.host_ip === '' || (isIP(port.host_ip) !== 0 && !port.host_ip.includes('%'));
    if (!isPort || !isAddress)
      throw new StackferryError('invalid_request', `Connections to ${portName(port)} can’t be held: not a port.`);
  }
  const unique = [...new Map(plain.map((port) => [portName(port), port])).values()];
  if (unique.length > limits.forward.portsMax)
    throw new StackferryError(
      'invalid_request',
      `The stack publishes ${unique.length} ports; connections to at most ${limits.forward.portsMax} can be held.`,
    );
  return unique.toSorted((a, b) => Number(addressOf(a) === null) - Number(addressOf(b) === null));
}
