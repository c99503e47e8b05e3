import { z } from 'zod';
import { name } from './fact-values.ts';

/** Facts about a stack's networks; the rules of `facts.ts` hold. */

/** How a network is made, in the engine's terms. */
export const networkSettings = z.object({
  driver: name,
  /** Of the addresses. */
  ipam_driver: name,
  options: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  internal: z.boolean(),
  attachable: z.boolean(),
  ipv6: z.boolean(),
  /** CIDR; `reserved`: addresses that the engine does not give away. */
  pools: z.array(
    z.object({
      subnet: name,
      ip_range: name.nullable(),
      gateway: name.nullable(),
      reserved: z.record(z.string(), z.string()),
    }),
  ),
});
export type NetworkSettings = z.infer<typeof networkSettings>;

/** Others belong to a cluster, or to a plugin. */
export const makeableNetwork = ({ driver, ipam_driver }: NetworkSettings): boolean =>
  ['bridge', 'macvlan', 'ipvlan'].includes(driver) && ipam_driver === 'default';

export const stackNetwork = z.object({
  name,
  external: z.boolean(),
  /** Fixed by the file, CIDR; empty if the engine chooses. */
  subnets: z.array(name).default([]),
  /** The host interface that a macvlan or ipvlan network is built on. */
  parent: name.nullable().default(null),
  /** The interface name that the file gives a bridge. */
  bridge: name.nullable().default(null),
  /** Fixed addresses of services. */
  addresses: z.array(name).default([]),
  /** How an external one is made on the source; null if it is not there, or unknown. */
  settings: networkSettings.nullable().default(null),
});
export type StackNetwork = z.infer<typeof stackNetwork>;

/** A manual connection of a container to a network. */
export const joinedNetwork = z.object({
  service: name,
  /** Index among the service's containers, from 1. */
  number: z.number().int(),
  network: name,
  aliases: z.array(name),
});
export type JoinedNetwork = z.infer<typeof joinedNetwork>;
