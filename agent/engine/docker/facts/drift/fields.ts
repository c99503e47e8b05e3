import { policyOf } from '../../stack/deployment.ts';
import type { Compared, Field } from './compared.ts';
import { fieldsIfWritten } from './fields-if-written.ts';
import type { ModelNames, WholeService } from './made-from.ts';
import { mountsAsMade, mountsAsWritten } from './mounts.ts';
import { flag, goDurationNs, itemsOf, listOf, recordOf, sizeOf, sortedEntries, textOf } from './values.ts';

const sorted = (items: string[]) => [...new Set(items)].sort();
const capabilities = (items: string[]) => sorted(items.map((name) => name.replace(/^CAP_/, '')));

/** `service:x` matches any container of x. */
function sharedMode(value: unknown, made: string, { containersOf }: ModelNames, absent: string[]): [unknown, unknown] {
  const mode = textOf(value);
  if (mode === '') return [true, absent.includes(made)];
  const [, service] = /^service:(.*)$/.exec(mode) ?? [];
  if (service === undefined)
    return [mode.startsWith('container:') ? 'container' : mode, made.replace(/^(container):.*/, '$1')];
  return [true, containersOf(service).some((id) => made === `container:${id}`)];
}

function networks({ service, container, names }: Compared): [unknown, unknown] {
  // `docker run` without `--network`.
  const mode = container.HostConfig.NetworkMode.replace(/^default$/, 'bridge');
  if (service.network_mode !== undefined) return sharedMode(service.network_mode, mode, names, []);
  const wanted = Object.keys(recordOf(service.networks ?? { default: null })).map((key) => names.networks[key] ?? key);
  const joined = Object.keys(container.NetworkSettings.Networks);
  // A network that was connected manually is not in the file.
  return [sorted(wanted), sorted(joined.filter((name) => wanted.includes(name)))];
}

function ports({ service, container }: Compared): [unknown, unknown] {
  const written = itemsOf(service.ports).map((port) => {
    const { target, protocol = 'tcp', host_ip = '', published = '' } = recordOf(port);
    return `${host_ip}:${published}:${target}/${protocol}`;
  });
  const made = Object.entries(container.HostConfig.PortBindings).flatMap(([inside, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => `${HostIp}:${HostPort === '0' ? '' : HostPort}:${inside}`),
  );
  return [sorted(written), sorted(made)];
}

function healthcheck({ service, container, image }: Compared): [unknown, unknown] {
  const made = container.Config.Healthcheck ?? null;
  const check = service.healthcheck === undefined ? null : recordOf(service.healthcheck);
  if (!check) return [image?.Healthcheck ?? null, made];
  const test = check.disable === true ? ['NONE'] : listOf(check.test);
  const written = [
    test.length > 0 ? test : (image?.Healthcheck?.Test ?? []),
    ...[check.interval, check.timeout, check.start_period].map(goDurationNs),
    Number(check.retries ?? 0),
  ];
  return [written, made && [made.Test, made.Interval, made.Timeout, made.StartPeriod, made.Retries]];
}

const limitsOf = (service: WholeService) =>
  recordOf(recordOf(recordOf(service.deploy ?? {}).resources ?? {}).limits ?? {});

/** By attribute of the file. Each is compared even if the file lacks it: it may have been removed. */
export const comparedFields: Record<string, Field> = {
  ...fieldsIfWritten,
  image: ({ service, container }) => [service.image ?? container.Config.Image, container.Config.Image],
  command: ({ service, container, image }) => {
    const inherits = service.command == null && service.entrypoint == null;
    return [inherits ? (image?.Cmd ?? []) : listOf(service.command), container.Config.Cmd];
  },
  entrypoint: ({ service, container, image }) => [
    service.entrypoint == null ? (image?.Entrypoint ?? []) : listOf(service.entrypoint),
    container.Config.Entrypoint,
  ],
  labels: ({ service, container, image }) => {
    const made = Object.entries(container.Config.Labels).filter(([name]) => !name.startsWith('com.docker.compose.'));
    return [
      sortedEntries({ ...image?.Labels, ...recordOf(service.labels ?? {}) }).map(String),
      sortedEntries(Object.fromEntries(made)).map(String),
    ];
  },
  container_name: ({ service, container }) => [
    service.container_name ?? container.Name.slice(1),
    container.Name.slice(1),
  ],
  hostname: ({ service, container }) => [service.hostname ?? container.Config.Hostname, container.Config.Hostname],
  user: ({ service, container, image }) => [textOf(service.user) || (image?.User ?? ''), container.Config.User],
  working_dir: ({ service, container, image }) => [
    textOf(service.working_dir) || (image?.WorkingDir ?? ''),
    container.Config.WorkingDir,
  ],
  stop_signal: ({ service, container, image }) => [
    textOf(service.stop_signal) || (image?.StopSignal ?? ''),
    container.Config.StopSignal,
  ],
  stop_grace_period: ({ service, container }) => [
    service.stop_grace_period === undefined ? null : Math.floor(goDurationNs(service.stop_grace_period) / 1e9),
    container.Config.StopTimeout ?? null,
  ],
  tty: ({ service, container }) => [flag(service.tty), flag(container.Config.Tty)],
  stdin_open: ({ service, container }) => [flag(service.stdin_open), flag(container.Config.OpenStdin)],
  healthcheck,
  privileged: ({ service, container }) => [flag(service.privileged), flag(container.HostConfig.Privileged)],
  read_only: ({ service, container }) => [flag(service.read_only), flag(container.HostConfig.ReadonlyRootfs)],
  init: ({ service, container }) => [flag(service.init), flag(container.HostConfig.Init)],
  cap_add: ({ service, container }) => [
    capabilities(listOf(service.cap_add)),
    capabilities(container.HostConfig.CapAdd),
  ],
  cap_drop: ({ service, container }) => [
    capabilities(listOf(service.cap_drop)),
    capabilities(container.HostConfig.CapDrop),
  ],
  security_opt: ({ service, container }) => {
    // The engine adds options implied by `privileged` and by a shared namespace.
    const made = container.HostConfig.SecurityOpt.filter((option) => option !== 'label=disable');
    return [
      sorted(listOf(service.security_opt).map((o) => o.replace(':', '='))),
      sorted(made.map((o) => o.replace(':', '='))),
    ];
  },
  group_add: ({ service, container }) => [
    sorted(listOf(service.group_add).map(String)),
    sorted(container.HostConfig.GroupAdd),
  ],
  dns: ({ service, container }) => [listOf(service.dns), container.HostConfig.Dns],
  dns_search: ({ service, container }) => [listOf(service.dns_search), container.HostConfig.DnsSearch],
  extra_hosts: ({ service, container }) => [
    sorted(listOf(service.extra_hosts).map((host) => host.replace('=', ':'))),
    sorted(container.HostConfig.ExtraHosts),
  ],
  sysctls: ({ service, container }) => [
    sortedEntries(recordOf(service.sysctls ?? {})).map(String),
    sortedEntries(container.HostConfig.Sysctls).map(String),
  ],
  tmpfs: ({ service, container }) => [
    sorted(listOf(service.tmpfs).map((item) => item.replace(/^([^:]*)$/, '$1:'))),
    sorted(Object.entries(container.HostConfig.Tmpfs).map(([path, options]) => `${path}:${options}`)),
  ],
  shm_size: ({ service, container }) => [
    service.shm_size === undefined ? container.HostConfig.ShmSize : sizeOf(service.shm_size),
    container.HostConfig.ShmSize,
  ],
  mem_limit: ({ service, container }) => [
    sizeOf(service.mem_limit ?? limitsOf(service).memory),
    container.HostConfig.Memory,
  ],
  cpus: ({ service, container }) => [
    Math.round(Number(service.cpus ?? limitsOf(service).cpus ?? 0) * 1e9),
    container.HostConfig.NanoCpus,
  ],
  pids_limit: ({ service, container }) => [
    Number(service.pids_limit ?? limitsOf(service).pids ?? 0),
    container.HostConfig.PidsLimit,
  ],
  ulimits: ({ service, container }) => {
    const written = Object.entries(recordOf(service.ulimits ?? {})).map(([name, limit]) => {
      const { soft, hard } = typeof limit === 'object' ? recordOf(limit) : { soft: limit, hard: limit };
      return `${name}:${soft}:${hard}`;
    });
    return [
      sorted(written),
      sorted(container.HostConfig.Ulimits.map(({ Name, Soft, Hard }) => `${Name}:${Soft}:${Hard}`)),
    ];
  },
  devices: ({ service, container }) => {
    const written = itemsOf(service.devices).map((device) => {
      if (typeof device === 'string') return device.split(':').slice(0, 2).join(':');
      const { source, target } = recordOf(device);
      return `${source}:${target ?? source}`;
    });
    const made = container.HostConfig.Devices.map(
      ({ PathOnHost, PathInContainer }) => `${PathOnHost}:${PathInContainer}`,
    );
    return [sorted(written), sorted(made)];
  },
  restart: ({ service, container }) => {
    const { name, maximum_retry_count } = policyOf(service as Parameters<typeof policyOf>[0]);
    const { Name, MaximumRetryCount } = container.HostConfig.RestartPolicy;
    return [`${name}:${maximum_retry_count}`, `${Name || 'no'}:${MaximumRetryCount}`];
  },
  pid: ({ service, container, names }) => sharedMode(service.pid, container.HostConfig.PidMode, names, ['']),
  ipc: ({ service, container, names }) =>
    sharedMode(service.ipc, container.HostConfig.IpcMode, names, ['', 'private', 'shareable']),
  uts: ({ service, container, names }) => sharedMode(service.uts, container.HostConfig.UTSMode, names, ['']),
  userns_mode: ({ service, container, names }) =>
    sharedMode(service.userns_mode, container.HostConfig.UsernsMode, names, ['']),
  networks,
  ports,
  volumes: (compared) => [mountsAsWritten(compared), mountsAsMade(compared)],
};
