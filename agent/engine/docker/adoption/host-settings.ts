import { listOf, recordOf, recordsOf, textOf } from '../facts/drift/values.ts';

/** Attributes of a service in a Compose file. */
export type Service = Record<string, unknown>;

/** Returns attributes that give a container this setting; none if it has the value that it gets without. */
type Written = (value: unknown, host: Record<string, unknown>) => Service;
/** One for which no other setting counts. */
type Simple = (value: unknown) => Service;

const list =
  (attribute: string): Simple =>
  (value) =>
    listOf(value).length > 0 ? { [attribute]: listOf(value) } : {};
const map =
  (attribute: string): Simple =>
  (value) =>
    Object.keys(recordOf(value)).length > 0 ? { [attribute]: recordOf(value) } : {};
const flag =
  (attribute: string): Simple =>
  (value) =>
    value === true ? { [attribute]: true } : {};
/** A number that is not 0, which the Engine takes as "no limit". */
const number =
  (attribute: string): Simple =>
  (value) =>
    Number(value ?? 0) === 0 ? {} : { [attribute]: Number(value) };
const bytes =
  (attribute: string): Simple =>
  (value) =>
    Number(value ?? 0) === 0 ? {} : { [attribute]: `${Number(value)}b` };
const word =
  (attribute: string): Simple =>
  (value) =>
    textOf(value) === '' ? {} : { [attribute]: textOf(value) };

/** What the Engine gives a container by itself. */
const shmBytes = 64 * 1024 * 1024;

/**
 * By key of `HostConfig` in `GET /containers/{id}/json`. Namespaces, mounts and ports are in `written-network.ts` and `written-mounts.ts`.
 */
export const hostSettings: Record<string, Written> = {
  Annotations: map('annotations'),
  CapAdd: list('cap_add'),
  CapDrop: list('cap_drop'),
  CgroupParent: word('cgroup_parent'),
  CgroupnsMode: word('cgroup'),
  CpuPeriod: number('cpu_period'),
  CpuQuota: number('cpu_quota'),
  CpuShares: number('cpu_shares'),
  CpusetCpus: word('cpuset'),
  DeviceCgroupRules: list('device_cgroup_rules'),
  DeviceRequests: (value) => {
    const devices = recordsOf(value).map(({ Driver, Count, DeviceIDs, Capabilities, Options }) => ({
      ...word('driver')(Driver),
      ...(listOf(DeviceIDs).length > 0 ? list('device_ids')(DeviceIDs) : { count: Count === -1 ? 'all' : Count }),
      capabilities: Array.isArray(Capabilities) ? Capabilities.flat().map(String) : [],
      ...map('options')(Options),
    }));
    return devices.length > 0 ? { deploy: { resources: { reservations: { devices } } } } : {};
  },
  Devices: (value) => {
    const devices = recordsOf(value).map(
      ({ PathOnHost, PathInContainer, CgroupPermissions }) =>
        `${PathOnHost}:${PathInContainer}:${textOf(CgroupPermissions) || 'rwm'}`,
    );
    return list('devices')(devices);
  },
  Dns: list('dns'),
  DnsOptions: list('dns_opt'),
  DnsSearch: list('dns_search'),
  ExtraHosts: list('extra_hosts'),
  GroupAdd: list('group_add'),
  Init: flag('init'),
  LogConfig: (value) => {
    const { Type, Config } = recordOf(value);
    const options = recordOf(Config);
    if (textOf(Type) === '') return {};
    return { logging: { driver: textOf(Type), ...map('options')(options) } };
  },
  MaskedPaths: (value, { Privileged }) =>
    Array.isArray(value) && value.length === 0 && Privileged !== true
      ? { security_opt: ['systempaths=unconfined'] }
      : {},
  Memory: bytes('mem_limit'),
  MemoryReservation: bytes('mem_reservation'),
  // Twice the memory is what the Engine gives by itself.
  MemorySwap: (value, { Memory }) =>
    Number(value ?? 0) === 2 * Number(Memory ?? 0)
      ? {}
      : Number(value) === -1
        ? { memswap_limit: -1 }
        : bytes('memswap_limit')(value),
  MemorySwappiness: (value) =>
    value === null || value === undefined || value === -1 ? {} : { mem_swappiness: Number(value) },
  NanoCpus: (value) => (Number(value ?? 0) === 0 ? {} : { cpus: Number(value) / 1e9 }),
  OomKillDisable: flag('oom_kill_disable'),
  OomScoreAdj: number('oom_score_adj'),
  PidsLimit: (value) => (Number(value ?? 0) > 0 ? { pids_limit: Number(value) } : {}),
  Privileged: flag('privileged'),
  ReadonlyRootfs: flag('read_only'),
  RestartPolicy: (value) => {
    const { Name, MaximumRetryCount } = recordOf(value);
    const name = textOf(Name);
    if (name === '' || name === 'no') return {};
    return { restart: name === 'on-failure' && MaximumRetryCount ? `${name}:${MaximumRetryCount}` : name };
  },
  Runtime: word('runtime'),
  SecurityOpt: (value, { Privileged, PidMode, IpcMode }) => {
    // The Engine adds it to what shares the host's namespaces.
    const implied = Privileged === true || PidMode === 'host' || IpcMode === 'host';
    return list('security_opt')(listOf(value).filter((option) => !(implied && option === 'label=disable')));
  },
  ShmSize: (value) => (Number(value) === shmBytes ? {} : bytes('shm_size')(value)),
  StorageOpt: map('storage_opt'),
  Sysctls: map('sysctls'),
  Tmpfs: (value) => {
    const mounts = Object.entries(recordOf(value)).map(([path, options]) => (options ? `${path}:${options}` : path));
    return list('tmpfs')(mounts);
  },
  Ulimits: (value) => {
    const limits = recordsOf(value).map(({ Name, Soft, Hard }) => [String(Name), { soft: Soft, hard: Hard }] as const);
    return map('ulimits')(Object.fromEntries(limits));
  },
};

/** Settings that are written from elsewhere, or follow from others. */
const elsewhere: ReadonlySet<string> = new Set([
  ...['Binds', 'Mounts', 'VolumesFrom', 'PortBindings', 'NetworkMode', 'PidMode', 'IpcMode', 'UTSMode', 'UsernsMode'],
  ...['AutoRemove', 'ConsoleSize', 'ContainerIDFile', 'ReadonlyPaths', 'VolumeDriver', 'Isolation'],
]);

/** Settings of a container that differ from what it would get, and have no attribute here. */
export const unwrittenSettings = (host: Record<string, unknown>): string[] =>
  Object.keys(host).filter((key) => !(key in hostSettings) && !elsewhere.has(key) && !isEmpty(host[key]));

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === 0 ||
  value === '' ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);
