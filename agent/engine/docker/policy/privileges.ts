import type { HostPrivilege } from '../../../../schema/facts.ts';
import { hasMountOptions, optionMountOf } from '../../../../schema/option-mounts.ts';
import type { ComposeModel, ServiceModel } from '../../../compose/model.ts';
import { isInside } from '../../../compose/project.ts';
import { protectedBy } from './protected-paths.ts';
import { replaceableSources } from './replaceable-sources.ts';

/**
 * Privileges that a service asks for beyond its container: each of them gives root on the host, or nearly so. Ordinary
 * bind mounts are not among them; those of the host's own directories are.
 */
export function privilegesOf(
  model: ComposeModel,
  host: BindContext,
): Map<string, { power: HostPrivilege; detail: string }[]> {
  const replaceable = replaceableSources(model);
  return new Map(
    Object.entries(model.services).map(([name, service]) => [
      name,
      [
        ...privilegesOfService(service),
        ...privilegesOfBinds(service, model, host),
        ...(replaceable.get(name) ?? []).map((detail) => ({ power: 'host_path' as const, detail })),
      ],
    ]),
  );
}

/** Paths without symbolic links. */
export interface BindContext {
  /** The project directory: its contents belong to the stack, wherever it is. */
  directory: string;
  /** Directories of the agent, its engine and the stacks here: `ownPaths`. */
  own: string[];
}

/**
 * What every program of a host may know: time zone, names, certificates of authorities. By their usual paths without
 * symbolic links.
 */
const harmlessToRead = [
  '/etc/localtime',
  '/etc/timezone',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/resolv.conf',
  '/etc/os-release',
  '/etc/ssl/certs',
  '/run/systemd/resolve/resolv.conf',
  '/run/systemd/resolve/stub-resolv.conf',
  '/usr/lib/os-release',
  '/usr/share/ca-certificates',
  '/usr/share/zoneinfo',
];

/** The privilege that a bind mount of this path needs; null if none. */
export function privilegeOfBind(
  source: string,
  readOnly: boolean,
  { directory, own }: BindContext,
): HostPrivilege | null {
  if (readOnly && harmlessToRead.some((path) => isInside(path, source))) return null;
  if (/\/(docker|containerd|podman)\.sock$/.test(source)) return 'docker_socket';
  if (isInside(directory, source)) return null;
  return protectedBy(source, own) === null ? null : 'host_path';
}

export const isHarmlessOption = (option: string): boolean =>
  ['no-new-privileges', 'no-new-privileges:true', 'no-new-privileges=true'].includes(option);

/** The host's own namespace, or that of a container outside this stack. */
const reachesOut = (mode: string | undefined) => mode === 'host' || mode?.startsWith('container:') === true;

function privilegesOfService(service: ServiceModel): { power: HostPrivilege; detail: string }[] {
  const found: { power: HostPrivilege; detail: string }[] = [];
  const add = (power: HostPrivilege, detail: string) => found.push({ power, detail });
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
  for (const { device_ids } of requestsOf(service).filter(isCdi))
    for (const id of device_ids ?? ['']) add('devices', id);
  for (const rule of service.device_cgroup_rules ?? []) add('devices', rule);
  for (const capability of service.cap_add ?? []) add('cap_add', capability);
  for (const option of service.security_opt ?? []) if (!isHarmlessOption(option)) add('security_opt', option);
  for (const from of service.volumes_from ?? []) if (reachesOut(from)) add('host_path', `volumes_from: ${from}`);
  // On the bridge that all share, the engine gives a container the environment of the one that it is linked to.
  if (service.network_mode === 'bridge')
    for (const link of service.external_links ?? []) add('host_network', `external_links: ${link}`);
  for (const value of Object.values(service.logging?.options ?? {}))
    if (isHostSocket(value)) add('host_path', `logging: ${value}`);
  return found;
}

const requestsOf = ({ deploy, gpus = [] }: ServiceModel) => [
  ...(deploy?.resources?.reservations?.devices ?? []),
  ...gpus,
];

/** It names devices by the host's own specifications, which may hold anything of the host. */
const isCdi = ({ driver }: { driver?: string | undefined }) => driver === 'cdi';

/** The engine, which is root, would write what the container says to it. Everybody may write to the system's log. */
const isHostSocket = (value: unknown) =>
  typeof value === 'string' && /^unix/i.test(value) && !/^unix\w*:\/+dev\/log$/i.test(value);

const isForeignDriver = (driver: string | undefined) => driver !== undefined && driver !== '' && driver !== 'local';

function privilegesOfBinds(service: ServiceModel, { volumes }: ComposeModel, host: BindContext) {
  return (service.volumes ?? []).flatMap(
    ({ type, source, read_only = false }): { power: HostPrivilege; detail: string }[] => {
      if (!source) return [];
      const { name = source, driver, driver_opts, external } = volumes[source] ?? {};
      if (type === 'volume' && !external && isForeignDriver(driver))
        return [{ power: 'host_path', detail: `volume ${name}, of the driver ${driver}` }];
      const mount = optionMountOf({ driver, options: driver_opts ?? {} });
      if (type === 'volume' && !external && mount?.kind === 'tmpfs') return [];
      if (type === 'volume' && !external && mount?.kind === 'bind') {
        const power = privilegeOfBind(mount.device, read_only, host);
        return power ? [{ power, detail: mount.device }] : [];
      }
      if (type === 'volume' && hasMountOptions(driver_opts ?? {}))
        return [{ power: 'host_path', detail: `volume ${name}, a mount of its own` }];
      const power = type === 'bind' ? privilegeOfBind(source, read_only, host) : null;
      return power ? [{ power, detail: source }] : [];
    },
  );
}
