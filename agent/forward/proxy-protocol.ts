import ipaddr from 'ipaddr.js';
import type { ClientConnection } from './published-port.ts';

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const version2 = 0x20;
const commands = { local: 0x0, proxy: 0x1 } as const;
const families = { tcp4: 0x11, tcp6: 0x21, unspecified: 0x00 } as const;

/**
 * The header of the PROXY protocol, version 2, that comes before a connection's first byte (haproxy.org, proxy-protocol.txt,
 * section 2.2). `LOCAL` if the addresses are unknown or of different families. IPv4 in IPv6 counts as IPv4.
 */
export function proxyHeader({ client, server }: Pick<ClientConnection, 'client' | 'server'>): Buffer {
  const [from, to] = [client, server].map(({ address }) => bytesOf(address));
  if (!from || !to || from.length !== to.length) return header(commands.local, families.unspecified, Buffer.alloc(0));
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(client.port, 0);
  ports.writeUInt16BE(server.port, 2);
  return header(
    commands.proxy,
    from.length === 4 ? families.tcp4 : families.tcp6,
    Buffer.concat([Buffer.from(from), Buffer.from(to), ports]),
  );
}

function header(command: number, family: number, addresses: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(addresses.length);
  return Buffer.concat([signature, Buffer.of(version2 | command, family), length, addresses]);
}

const bytesOf = (address: string): number[] | null =>
  ipaddr.isValid(address) ? ipaddr.process(address).toByteArray() : null;
