import { networkInterfaces } from 'node:os';
import { limits } from '../../schema/limits.ts';

/** Interfaces of container networks: other hosts have the same addresses. */
const containerNetwork = /^(docker|br-|veth|virbr|cni|flannel|cali|lxc|lxdbr|podman|cilium)/;
const linkLocal = /^(fe80:|169\.254\.)/;

/** Addresses at which other hosts may reach this one. */
export function ownAddresses(interfaces = networkInterfaces()): string[] {
  return Object.entries(interfaces)
    .flatMap(([name, own = []]) => (containerNetwork.test(name) ? [] : own))
    .filter(({ internal, address }) => !internal && !linkLocal.test(address))
    .map(({ address }) => address)
    .slice(0, limits.direct.addressesMax);
}
