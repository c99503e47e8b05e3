import type { HostPower } from '../../../schema/facts.ts';
import type { ComposeModel, ServiceModel } from '../../compose/model.ts';

/**
 * What a service asks for that reaches beyond its container: whoever has one of these is root on the host, or near it.
 * Ordinary bind mounts are not among them; those of the host's own directories are.
 */
export function powersOf(model: ComposeModel): Map<string, { power: HostPower; detail: string }[]> {
  return new Map(Object.entries(model.services).map(([name, service]) => [name, powersOfService(service)]));
}

const hostDirectories = [
  '/etc',
  '/boot',
  '/dev',
  '/proc',
  '/sys',
  '/root',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/run',
  '/var/run',
  '/var/lib/docker',
];
const harmlessOptions = new Set(['no-new-privileges', 'no-new-privileges:true', 'no-new-privileges=true']);

function powersOfService(service: ServiceModel): { power: HostPower; detail: string }[] {
  const found: { power: HostPower; detail: string }[] = [];
  const add = (power: HostPower, detail: string) => found.push({ power, detail });
  if (service.privileged) add('privileged', 'privileged: true');
  if (service.network_mode === 'host') add('host_network', 'network_mode: host');
  if (service.pid === 'host') add('host_pid', 'pid: host');
  if (service.ipc === 'host') add('host_ipc', 'ipc: host');
  if (service.userns_mode === 'host') add('host_userns', 'userns_mode: host');
  if (service.cgroup === 'host' || service.cgroup_parent) add('cgroup', 'the host’s cgroups');
  for (const device of service.devices ?? []) add('devices', typeof device === 'string' ? device : device.source);
  for (const capability of service.cap_add ?? []) add('cap_add', capability);
  for (const option of service.security_opt ?? []) if (!harmlessOptions.has(option)) add('security_opt', option);
  for (const { type, source } of service.volumes ?? []) {
    if (type !== 'bind' || !source) continue;
    if (/\/docker\.sock$|\/containerd\.sock$|\/podman\.sock$/.test(source)) add('docker_socket', source);
    else if (source === '/' || hostDirectories.some((path) => source === path || source.startsWith(`${path}/`)))
      add('host_path', source);
  }
  return found;
}
