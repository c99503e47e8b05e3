import type { HostPower } from '../../../schema/facts.ts';
import type { ComposeModel, ServiceModel } from '../../compose/model.ts';
import { isInside } from '../../compose/project.ts';
import { protectedBy } from './protected-paths.ts';
import { replaceableSources } from './replaceable-sources.ts';

/**
 * What a service asks for that reaches beyond its container: whoever has one of these is root on the host, or near it.
 * Ordinary bind mounts are not among them; those of the host's own directories are.
 */
export function powersOf(model: ComposeModel, host: BindPlaces): Map<string, { power: HostPower; detail: string }[]> {
  const replaceable = replaceableSources(model);
  return new Map(
    Object.entries(model.services).map(([name, service]) => [
      name,
      [
        ...powersOfService(service),
        ...powersOfMounts(service, model, host),
        ...(replaceable.get(name) ?? []).map((detail) => ({ power: 'host_path' as const, detail })),
      ],
    ]),
  );
}

/** Paths without symbolic links. */
export interface BindPlaces {
  /** The project directory: what lies in it belongs to the stack, wherever it is. */
  directory: string;
  /** Directories of the agent and its engine: `ownPaths`. */
  own: string[];
}

/** The right that a bind mount of this path needs; null where it needs none. */
export function powerOfBind(source: string, { directory, own }: BindPlaces): HostPower | null {
  if (/\/(docker|containerd|podman)\.sock$/.test(source)) return 'docker_socket';
  if (isInside(directory, source)) return null;
  return protectedBy(source, own) === null ? null : 'host_path';
}

export const isHarmlessOption = (option: string): boolean =>
  ['no-new-privileges', 'no-new-privileges:true', 'no-new-privileges=true'].includes(option);

/** Options that make a `local` volume a bind mount, or another host's file system. */
export const mountOptions = ['type', 'o', 'device'];

/** The host's own namespace, or that of a container that need not be of this stack. */
const reachesOut = (mode: string | undefined) => mode === 'host' || mode?.startsWith('container:') === true;

function powersOfService(service: ServiceModel): { power: HostPower; detail: string }[] {
  const found: { power: HostPower; detail: string }[] = [];
  const add = (power: HostPower, detail: string) => found.push({ power, detail });
  if (service.privileged) add('privileged', 'privileged: true');
  if ([...(service.post_start ?? []), ...(service.pre_stop ?? [])].some(({ privileged }) => privileged))
    add('privileged', 'a privileged hook');
  if (service.provider !== undefined) add('privileged', 'provider: a program of the host');
  if (service.use_api_socket) add('docker_socket', 'use_api_socket: true');
  if (reachesOut(service.network_mode)) add('host_network', `network_mode: ${service.network_mode}`);
  if (reachesOut(service.pid)) add('host_pid', `pid: ${service.pid}`);
  if (reachesOut(service.ipc)) add('host_ipc', `ipc: ${service.ipc}`);
  if (service.userns_mode === 'host') add('host_userns', 'userns_mode: host');
  if (service.cgroup === 'host' || service.cgroup_parent) add('cgroup', 'the host’s cgroups');
  for (const device of service.devices ?? []) add('devices', typeof device === 'string' ? device : device.source);
  for (const rule of service.device_cgroup_rules ?? []) add('devices', rule);
  for (const capability of service.cap_add ?? []) add('cap_add', capability);
  for (const option of service.security_opt ?? []) if (!isHarmlessOption(option)) add('security_opt', option);
  for (const from of service.volumes_from ?? []) if (reachesOut(from)) add('host_path', `volumes_from: ${from}`);
  return found;
}

function powersOfMounts(service: ServiceModel, { volumes }: ComposeModel, host: BindPlaces) {
  return (service.volumes ?? []).flatMap(({ type, source }): { power: HostPower; detail: string }[] => {
    if (!source) return [];
    if (type === 'volume' && mountOptions.some((option) => option in (volumes[source]?.driver_opts ?? {})))
      return [{ power: 'host_path', detail: `volume ${source}, a mount of its own` }];
    const power = type === 'bind' ? powerOfBind(source, host) : null;
    return power ? [{ power, detail: source }] : [];
  });
}
