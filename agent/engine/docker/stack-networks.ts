import type { StackNetwork } from '../../../schema/facts.ts';
import type { ComposeModel } from '../../compose/model.ts';

/** The networks of the file, with what it fixes of them. */
export function stackNetworks(project: string, { networks, services }: ComposeModel): StackNetwork[] {
  return Object.entries(networks).map(([key, network]) => {
    const option = (name: string) => {
      const value = network?.driver_opts?.[name];
      return typeof value === 'string' && value !== '' ? value : null;
    };
    return {
      name: network?.name ?? `${project}_${key}`,
      external: network?.external ?? false,
      subnets: (network?.ipam?.config ?? []).flatMap(({ subnet }) => subnet ?? []),
      parent: option('parent'),
      bridge: option('com.docker.network.bridge.name'),
      addresses: Object.values(services).flatMap((service) => {
        const joined = service.networks?.[key];
        return [joined?.ipv4_address, joined?.ipv6_address].filter((address) => address !== undefined);
      }),
    };
  });
}
