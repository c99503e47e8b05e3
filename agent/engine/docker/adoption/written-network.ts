import { recordOf, recordsOf, textOf } from '../facts/drift/values.ts';
import { nameOf } from '../stack/containers.ts';
import type { Adoptable, ImageDefaults } from './adoptable.ts';
import type { Service } from './host-settings.ts';

export interface WrittenService {
  service: Service;
  /** Settings of the container that a Compose file can't say. */
  unwritten: string[];
}

/** Attribute → key of `HostConfig`. */
const namespaces = { pid: 'PidMode', ipc: 'IpcMode', uts: 'UTSMode', userns_mode: 'UsernsMode' } as const;

export function sharedNamespaces({ HostConfig }: Adoptable, group: Adoptable[]): WrittenService {
  const result: WrittenService = { service: {}, unwritten: [] };
  for (const [attribute, key] of Object.entries({ ...namespaces, network_mode: 'NetworkMode' })) {
    const mode = textOf(HostConfig[key]);
    if (mode.startsWith('container:')) {
      const id = mode.slice('container:'.length);
      const owner = group.find((one) => one.Id.startsWith(id) || nameOf(one) === id);
      if (owner) result.service[attribute] = `service:${nameOf(owner)}`;
      else result.unwritten.push(`${key} ${mode}: adopt that container with it`);
    } else if (attribute !== 'network_mode' && !['', 'private'].includes(mode)) result.service[attribute] = mode;
  }
  return result;
}

/** Networks that the Engine has by itself. */
const builtIn = ['default', 'bridge', 'host', 'none'];

export const ownNetworks = ({ HostConfig, NetworkSettings }: Adoptable): string[] => {
  const mode = textOf(HostConfig.NetworkMode);
  // To those that it was connected to besides, it is connected again by the move.
  if (builtIn.includes(mode) || mode.startsWith('container:')) return [];
  return Object.keys(NetworkSettings.Networks).filter((name) => !builtIn.includes(name));
};

export function writtenNetworks(container: Adoptable): Service {
  const mode = textOf(container.HostConfig.NetworkMode);
  if (mode.startsWith('container:')) return {};
  if (builtIn.includes(mode)) return { network_mode: mode === 'default' ? 'bridge' : mode };
  const { Networks } = container.NetworkSettings;
  const written = ownNetworks(container).map((name) => {
    const { Aliases = [], IPAMConfig = {}, DriverOpts = {} } = Networks[name] ?? {};
    const aliases = Aliases.filter((alias) => !container.Id.startsWith(alias) && alias !== nameOf(container));
    const address = (attribute: string, value: unknown) => (textOf(value) ? { [attribute]: value } : {});
    return [
      name,
      {
        ...(aliases.length > 0 ? { aliases } : {}),
        ...address('ipv4_address', IPAMConfig.IPv4Address),
        ...address('ipv6_address', IPAMConfig.IPv6Address),
        ...(Object.keys(DriverOpts).length > 0 ? { driver_opts: DriverOpts } : {}),
      },
    ] as const;
  });
  return { networks: Object.fromEntries(written) };
}

export function writtenPorts({ Config, HostConfig }: Adoptable, image: Partial<ImageDefaults>): Service {
  const ports = Object.entries(recordOf(HostConfig.PortBindings)).flatMap(([inside, bindings]) => {
    const [target = '', protocol = 'tcp'] = inside.split('/');
    return recordsOf(bindings).map(({ HostIp, HostPort }) => ({
      target: Number(target),
      ...(textOf(HostPort) && HostPort !== '0' ? { published: HostPort } : {}),
      ...(textOf(HostIp) ? { host_ip: HostIp } : {}),
      protocol,
      mode: 'host',
    }));
  });
  const published = new Set(Object.keys(recordOf(HostConfig.PortBindings)));
  const expose = Object.keys(Config.ExposedPorts).filter(
    (port) => !published.has(port) && !(port in (image.ExposedPorts ?? {})),
  );
  return { ...(ports.length > 0 ? { ports } : {}), ...(expose.length > 0 ? { expose } : {}) };
}
