import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { limits } from '../../schema/limits.ts';

/** Interfaces of container networks: other hosts have the same addresses. */
const containerNetwork = /^(docker|br-|veth|virbr|cni|flannel|cali|lxc|lxdbr|podman|cilium)/;

/** Of a container's own network, by Docker's default (172.16.0.0/12). */
const dockersOwn = /^172\.(1[6-9]|2\d|3[01])\./;
const linkLocal = /^(fe80:|169\.254\.)/;

type Interfaces = ReturnType<typeof networkInterfaces>;

/** Addresses at which other hosts may reach this one. */
export function ownAddresses(
  interfaces: Interfaces = networkInterfaces(),
  inContainer: boolean = existsSync('/.dockerenv'),
): string[] {
  return Object.entries(interfaces)
    .flatMap(([name, own = []]) => (containerNetwork.test(name) ? [] : own))
    .filter(({ internal, address }) => !internal && !linkLocal.test(address))
    .map(({ address }) => address)
    .filter((address) => !(inContainer && dockersOwn.test(address)))
    .slice(0, limits.direct.addressesMax);
}
