import { z } from 'zod';
import { makeableNetwork, type NetworkSettings, type StackNetwork } from '../../../../schema/network-facts.ts';
import type { DockerApi } from '../api.ts';
import { networkAnswer } from './network-conflicts.ts';
import { hasParent } from './stack-networks.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => value || null);
const map = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

/** The fields of a network by which another one is made like it. */
const wholeNetwork = networkAnswer.extend({
  Driver: z.string(),
  Internal: flag,
  Attachable: flag,
  EnableIPv6: flag,
  Options: map,
  Labels: map,
  IPAM: z.object({
    Driver: text,
    Config: z
      .array(z.object({ Subnet: z.string().optional(), IPRange: text, Gateway: text, AuxiliaryAddresses: map }))
      .nullish()
      .transform((value) => value ?? []),
  }),
});

export const listWholeNetworks = (api: DockerApi) => api.get('/networks', z.array(wholeNetwork));
export type WholeNetwork = z.infer<typeof wholeNetwork>;

export function settingsOf({ Driver, Internal, Attachable, EnableIPv6, Options, Labels, IPAM }: WholeNetwork) {
  return {
    driver: Driver,
    ipam_driver: IPAM.Driver ?? 'default',
    options: Options,
    labels: Labels,
    internal: Internal,
    attachable: Attachable,
    ipv6: EnableIPv6,
    pools: IPAM.Config.flatMap(({ Subnet, IPRange, Gateway, AuxiliaryAddresses }) =>
      Subnet
        ? [
            {
              subnet: Subnet,
              ip_range: IPRange,
              // Some engines write that of IPv6 with its prefix length.
              gateway: Gateway?.split('/')[0] ?? null,
              reserved: AuxiliaryAddresses,
            },
          ]
        : [],
    ),
  } satisfies NetworkSettings;
}

/** Adds how the external ones are made on this host. */
export async function withSettings(api: DockerApi, networks: StackNetwork[]): Promise<StackNetwork[]> {
  if (!networks.some(({ external }) => external)) return networks;
  const here = await listWholeNetworks(api);
  return networks.map((network) => {
    const found = network.external ? here.find(({ Name }) => Name === network.name) : undefined;
    return found ? { ...network, settings: settingsOf(found) } : network;
  });
}

/** An external network that this host lacks, as one to be made; others as they are. */
export function asMade(network: StackNetwork, here: { Name: string }[]): StackNetwork {
  const { settings, external, name } = network;
  if (!external || !settings || !makeableNetwork(settings) || here.some(({ Name }) => Name === name)) return network;
  return { ...network, external: false, ...fixedBy(settings) };
}

/** What a network takes of its host. */
export const fixedBy = ({ driver, pools, options }: NetworkSettings) => ({
  subnets: pools.map(({ subnet }) => subnet),
  parent: hasParent(driver) ? options.parent || null : null,
  bridge: options['com.docker.network.bridge.name'] || null,
});

/** External networks whose settings here differ from those on the source, and which settings. */
export function networkDifferences(networks: StackNetwork[], here: WholeNetwork[]) {
  return networks.flatMap(({ name, external, settings }) => {
    const found = here.find(({ Name }) => Name === name);
    if (!external || !settings || !found) return [];
    const own = linesOf(settingsOf(found));
    const theirs = linesOf(settings);
    const differs = Object.keys(own).flatMap((what) =>
      own[what] === theirs[what] ? [] : [`${what}: ${own[what] || 'none'}, on the source ${theirs[what] || 'none'}`],
    );
    return differs.length > 0 ? [{ name, differs }] : [];
  });
}

const linesOf = ({ driver, internal, ipv6, options, pools }: NetworkSettings): Record<string, string> => ({
  driver,
  subnets: pools
    .map(({ subnet }) => subnet)
    .sort()
    .join(' '),
  internal: internal ? 'yes' : 'no',
  ipv6: ipv6 ? 'yes' : 'no',
  parent: options.parent ?? '',
});
