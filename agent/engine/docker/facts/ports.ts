import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import type { PublishedPort } from '../../../../schema/facts.ts';
import type { containerSummary } from '../stack/containers.ts';
import { dotted } from './host-network.ts';

interface Listener {
  protocol: string;
  port: number;
  /** Null for every address. */
  address: string | null;
  by: string;
}

/**
 * Which of these ports are in use: by a container's published port, or by any socket of this network namespace (the
 * agent runs in its host's).
 */
export async function portsTaken(wanted: PublishedPort[], containers: z.infer<typeof containerSummary>[]) {
  const published: Listener[] = containers.flatMap(({ Names, Ports, State }) =>
    State !== 'running'
      ? []
      : Ports.flatMap(({ PublicPort, Type, IP }) =>
          PublicPort
            ? [{ protocol: Type, port: PublicPort, address: wildcard(IP), by: `container ${Names[0]?.slice(1)}` }]
            : [],
        ),
  );
  const listeners = [...published, ...(await hostListeners())];
  return wanted.flatMap(({ host_ip, port, protocol }) => {
    const own = wildcard(host_ip);
    const holder = listeners.find(
      (listener) =>
        listener.port === port &&
        listener.protocol === protocol &&
        (own === null || listener.address === null || own === listener.address),
    );
    return holder ? [{ name: `${port}/${protocol}`, by: holder.by }] : [];
  });
}

const wildcard = (address: string | undefined) =>
  !address || address === '0.0.0.0' || address === '::' ? null : address;

async function hostListeners(): Promise<Listener[]> {
  const tables = [
    ['tcp', 'tcp'],
    ['tcp6', 'tcp'],
    ['udp', 'udp'],
    ['udp6', 'udp'],
  ] as const;
  const found = await Promise.all(
    tables.map(async ([file, protocol]) =>
      // A kernel without IPv6 has no such table.
      listenersIn(await readFile(`/proc/self/net/${file}`, 'utf8').catch(() => ''), protocol),
    ),
  );
  return found.flat();
}

/** Parses /proc/net/tcp and the like: state 0A is LISTEN, 07 an unconnected UDP socket. */
export function listenersIn(table: string, protocol: 'tcp' | 'udp'): Listener[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      if (state !== (protocol === 'tcp' ? '0A' : '07')) return [];
      const [address = '', port = ''] = local.split(':');
      return [{ protocol, port: Number.parseInt(port, 16), address: addressOf(address), by: 'a process of the host' }];
    });
}

/** Hexadecimal in host byte order. Every IPv6 address counts as the wildcard. */
function addressOf(hex: string): string | null {
  if (hex.length !== 8 || hex === '00000000') return null;
  return dotted(hex);
}
