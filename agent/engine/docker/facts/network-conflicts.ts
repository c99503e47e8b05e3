import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import type { PublishedPort } from '../../../../schema/facts.ts';
import type { StackNetwork } from '../../../../schema/network-facts.ts';
import type { HostNetwork } from './host-network.ts';

/** The fields read of the engine's networks. `Containers` is present only in the inspection of one network. */
export const networkAnswer = z.object({
  Id: z.string(),
  Name: z.string(),
  Labels: z.record(z.string(), z.string()).nullish(),
  Options: z.record(z.string(), z.string()).nullish(),
  IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string().optional() })).nullish() }).nullish(),
  Containers: z
    .record(z.string(), z.object({ Name: z.string(), IPv4Address: z.string(), IPv6Address: z.string() }))
    .nullish(),
});
type Network = z.infer<typeof networkAnswer>;
/** `why` completes "name: …". */
type Obstacle = { name: string; why: string };

/** Host addresses of published ports that this host does not have, so that the engine could not bind them. */
export function addressesAbsent(ports: PublishedPort[], { addresses, bindsAny }: HostNetwork): string[] {
  if (bindsAny) return [];
  const wanted = [...new Set(ports.map(({ host_ip }) => host_ip.replace(/^\[|\]$/g, '')))];
  return wanted.filter((address) => isIP(address) !== 0 && !isEverywhere(address) && !addresses.includes(address));
}

const isEverywhere = (address: string) => address === '0.0.0.0' || address === '::' || address.startsWith('127.');

/** Reasons why networks of the file, or their fixed addresses, can't be created on this host. */
export function networkObstacles(wanted: StackNetwork[], present: Network[], host: HostNetwork): Obstacle[] {
  return wanted.flatMap((network) =>
    network.external
      ? addressObstacles(network, present)
      : [
          ...subnetObstacles(network, present, host),
          ...parentObstacles(network, present, host),
          ...bridgeObstacles(network, host),
        ],
  );
}

function subnetObstacles({ name, subnets, parent }: StackNetwork, present: Network[], host: HostNetwork): Obstacle[] {
  return subnets.flatMap((subnet) => {
    const what = `subnet ${subnet} of network ${name}`;
    const other = present.find(({ IPAM }) =>
      (IPAM?.Config ?? []).some(({ Subnet }) => Subnet && overlap(Subnet, subnet)),
    );
    if (other) return [{ name: what, why: `network ${other.Name} uses it` }];
    // A network on a host interface shares that interface's subnet on purpose.
    if (parent !== null) return [];
    const address = host.addresses.find((own) => holds(subnet, own));
    if (address) return [{ name: what, why: `the host’s address ${address} lies in it` }];
    // A wider route, like a VPN's, still leads to everything else.
    const route = host.routes.find((one) => holds(subnet, one.subnet.split('/')[0]!) && !isWider(one.subnet, subnet));
    return route ? [{ name: what, why: `the host reaches ${route.subnet} over ${route.device}` }] : [];
  });
}

function parentObstacles({ name, parent }: StackNetwork, present: Network[], { interfaces }: HostNetwork): Obstacle[] {
  if (parent === null) return [];
  const user = present.find(({ Options }) => Options?.parent === parent);
  if (user) return [{ name: `interface ${parent} of network ${name}`, why: `network ${user.Name} uses it` }];
  // The engine creates `eth0.50` if `eth0` exists.
  const there = interfaces.includes(parent) || interfaces.includes(parent.replace(/\.\d+$/, ''));
  return there ? [] : [{ name: `interface ${parent} of network ${name}`, why: 'the host has no such interface' }];
}

const bridgeObstacles = ({ name, bridge }: StackNetwork, { interfaces }: HostNetwork): Obstacle[] =>
  bridge !== null && interfaces.includes(bridge)
    ? [{ name: `bridge ${bridge} of network ${name}`, why: 'the host has an interface of that name' }]
    : [];

/** Fixed addresses in an existing network. A missing network is reported elsewhere. */
function addressObstacles({ name, addresses }: StackNetwork, present: Network[]): Obstacle[] {
  const there = present.find(({ Name }) => Name === name);
  const subnets = (there?.IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []);
  return addresses.flatMap((address) => {
    const what = `address ${address} in network ${name}`;
    const holder = Object.values(there?.Containers ?? {}).find(({ IPv4Address, IPv6Address }) =>
      [IPv4Address, IPv6Address].some((own) => own.split('/')[0] === address),
    );
    if (holder) return [{ name: what, why: `container ${holder.Name} has it` }];
    if (subnets.length === 0 || subnets.some((subnet) => holds(subnet, address))) return [];
    return [{ name: what, why: `the network has the subnet ${subnets.join(', ')}` }];
  });
}

const isWider = (one: string, other: string) => Number(one.split('/')[1]) < Number(other.split('/')[1]);

const overlap = (one: string, other: string) => holds(one, other.split('/')[0]!) || holds(other, one.split('/')[0]!);

/** False if either is not an address, or if their families differ. */
function holds(subnet: string, address: string): boolean {
  const [base = '', bits = ''] = subnet.split('/');
  if (isIP(base) === 0 || isIP(base) !== isIP(address)) return false;
  const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(base, Number(bits), family);
  return list.check(address, family);
}
