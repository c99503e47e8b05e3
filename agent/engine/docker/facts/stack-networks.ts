import type { StackNetwork } from '../../../../schema/network-facts.ts';
import { type ComposeModel, engineName } from '../../../compose/model.ts';

/** A bridge ignores the option. */
export const hasParent = (driver: string | undefined): boolean => driver === 'macvlan' || driver === 'ipvlan';

/** The networks of the file, with everything it fixes about them. */
export function stackNetworks(project: string, { networks, services }: ComposeModel): StackNetwork[] {
  return Object.entries(networks).map(([key, network]) => {
    const option = (name: string) => {
      const value = network?.driver_opts?.[name];
      return typeof value === 'string' && value !== '' ? value : null;
    };
    return {
      name: engineName(project, key, network),
      external: network?.external ?? false,
      subnets: (network?.ipam?.config ?? []).flatMap(({ subnet }) => subnet ?? []),
      parent: hasParent(network?.driver) ? option('parent') : null,
      bridge: option('com.docker.network.bridge.name'),
      settings: null,
      addresses: Object.values(services).flatMap((service) => {
        const joined = service.networks?.[key];
        return [joined?.ipv4_address, joined?.ipv6_address].filter((address) => address !== undefined);
      }),
    };
  });
}
