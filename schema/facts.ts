import { z } from 'zod';

/**
 * What agents measure and report about their host and its stacks. No environment values, ever: names, sizes, ids.
 * `null` means "could not tell", which every check counts as the bad case. An agent of the release before leaves out
 * what is new here: a new field has a `.default()` that means "could not tell".
 */

const bytes = z.number().nonnegative();
const name = z.string().max(4096);

/** Memory and disk of a host, or of one stack (then `total` is the host's). */
export const resources = z
  .object({
    memory: z.object({ total_bytes: bytes, used_bytes: bytes, free_bytes: bytes }),
    /** The filesystem that holds volumes. */
    disk: z.object({ path: name, total_bytes: bytes, used_bytes: bytes, free_bytes: bytes }),
    cpu: z.object({ cores: z.number(), load_1m: z.number() }),
  })
  .meta({ id: 'Resources' });
export type Resources = z.infer<typeof resources>;

export const hostFacts = z.object({
  now_ms: z.number(),
  agent_version: z.string(),
  engine: z.object({
    kind: z.enum(['docker', 'embedded']),
    version: z.string(),
    api_version: z.string(),
    compose_version: z.string().nullable(),
    os: z.string(),
    arch: z.string(),
    userns_remap: z.boolean(),
    /** The engine runs as an ordinary user. */
    rootless: z.boolean().default(false),
    selinux: z.boolean().default(false),
    /** What runs containers that name no runtime: "runc", "runsc" … */
    default_runtime: z.string().default('runc'),
    /** What pre-copy can carry of large files: their changed blocks, or only whole files; null where it is not offered. */
    pre_copy: z.enum(['blocks', 'files']).nullable(),
  }),
  resources,
  /** The filesystem of images, where it is not that of volumes. */
  image_disk: z.object({ path: name, free_bytes: bytes }).nullable().default(null),
  helper: z.object({ image: name, ready: z.boolean(), detail: z.string() }),
  relays: z.array(z.object({ id: z.string(), reachable: z.boolean(), detail: z.string() })),
});
export type HostFacts = z.infer<typeof hostFacts>;

export const publishedPort = z.object({
  host_ip: z.string(),
  port: z.number().int(),
  protocol: z.enum(['tcp', 'udp', 'sctp']),
});
export type PublishedPort = z.infer<typeof publishedPort>;

export const stackImage = z.object({
  /** As the compose file names it. */
  reference: name,
  /** The image id (content digest of its configuration), null where the source no longer has it. */
  image_id: z.string().nullable(),
  /** Of layers, configuration and platform: equal for the same image in every image store, as its id is not. */
  content_sha256: z.string().nullish(),
  repo_digests: z.array(z.string()),
  /** Digests of its layers, lowest first. */
  layers: z.array(z.string()),
  os: z.string(),
  arch: z.string(),
  size_bytes: bytes,
});
export type StackImage = z.infer<typeof stackImage>;

export const stackVolume = z.object({
  /** The engine's name. */
  name,
  driver: z.string(),
  options: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  external: z.boolean(),
  size_bytes: bytes.nullable(),
  /** Projects or containers beyond this stack that mount it. */
  also_used_by: z.array(name),
});
export type StackVolume = z.infer<typeof stackVolume>;

/** Rights that reach beyond the container; a target's policy must allow each by name. */
export const hostPowers = [
  'privileged',
  'docker_socket',
  'host_network',
  'host_pid',
  'host_ipc',
  'host_userns',
  'devices',
  'cap_add',
  'security_opt',
  'cgroup',
  'host_path',
] as const;
export type HostPower = (typeof hostPowers)[number];

/** As the Engine takes it; a count of -1 asks for all. */
export const deviceRequest = z.object({
  driver: z.string(),
  count: z.number().int(),
  device_ids: z.array(name),
  capabilities: z.array(name),
});
export type DeviceRequest = z.infer<typeof deviceRequest>;

/** Of a service that does not simply run. */
export const unwellStates = ['stopped', 'paused', 'unhealthy', 'restarting'] as const;
export type UnwellState = (typeof unwellStates)[number];

export const stackService = z.object({
  name,
  image: stackImage,
  replicas: z.number().int(),
  running: z.number().int(),
  has_healthcheck: z.boolean(),
  /** It ran on the source and ended with exit code 0: a job, not a daemon. */
  one_shot: z.boolean(),
  /** Null where it runs, or did its job. */
  unwell: z.enum(unwellStates).nullable().default(null),
  /** From its start until its healthcheck has decided, at the longest; null where it has none. */
  health_wait_s: z.number().nullable().default(null),
  builds: z.boolean(),
  ports: z.array(publishedPort),
  devices: z.array(name),
  /** The runtime that the file names. */
  runtime: name.nullable().default(null),
  /** GPUs and the like. */
  device_requests: z.array(deviceRequest).default([]),
  /** Commands to run before it is stopped, which a migration does not run. */
  stop_hooks: z.boolean().default(false),
  powers: z.array(z.object({ power: z.enum(hostPowers), detail: z.string() })),
});
export type StackService = z.infer<typeof stackService>;

export const stackNetwork = z.object({
  name,
  external: z.boolean(),
  /** Fixed by the file, CIDR; empty where the engine chooses. */
  subnets: z.array(name).default([]),
  /** The interface of the host that a macvlan or ipvlan network is built on. */
  parent: name.nullable().default(null),
  /** The interface name that the file gives a bridge. */
  bridge: name.nullable().default(null),
  /** Fixed addresses of services. */
  addresses: z.array(name).default([]),
});
export type StackNetwork = z.infer<typeof stackNetwork>;

/** A container that somebody connected to a network by hand. */
export const joinedNetwork = z.object({
  service: name,
  /** Of the service's containers, from 1. */
  number: z.number().int(),
  network: name,
  aliases: z.array(name),
});
export type JoinedNetwork = z.infer<typeof joinedNetwork>;

export const bindMount = z.object({
  service: name,
  source: name,
  target: name,
  /** Inside the project directory, by its real path: travels with the project. */
  inside_project: z.boolean(),
  /** The link of the project directory that leads to `source`. */
  link: name.nullable().default(null),
});

/** What was found where a stack's data lies. */
export const stackData = z.object({
  /** Something else is mounted below a volume or directory (`tree`): a copy would leave out what is there. */
  nested_mounts: z.array(z.object({ tree: name, path: name, kind: z.string() })),
  /** Some files that are immutable or append-only (`chattr`), which does not travel. */
  immutable: z.array(z.object({ tree: name, path: name })).default([]),
  /** Volumes and directories that could not be looked at. */
  unseen: z.array(z.object({ tree: name, why: z.string() })),
  /** Running containers beside the stack's services that can write what moves. */
  writers: z.array(
    z.object({
      container: name,
      /** A volume, or a path of the host. */
      uses: name,
      /** It only has a directory above the data. */
      above: z.boolean(),
      /** Of the stack, by `docker compose run`. */
      one_off: z.boolean(),
    }),
  ),
});

export const stackFacts = z.object({
  project: name,
  working_dir: name,
  config_files: z.array(name),
  env_files: z.array(name),
  services: z.array(stackService),
  volumes: z.array(stackVolume),
  anonymous_volumes: z.array(z.object({ name, service: name, size_bytes: bytes.nullable() })),
  networks: z.array(stackNetwork),
  joined_networks: z.array(joinedNetwork).default([]),
  /** Containers that were made from other files than the ones named above. */
  other_files: z.array(z.object({ container: name, files: z.array(name) })).default([]),
  /** Names fixed by the file (`container_name`, `networks.x.name`). */
  fixed_names: z.array(z.object({ kind: z.enum(['container', 'network']), name })),
  bind_mounts: z.array(bindMount),
  data: stackData.nullable().default(null),
  project_files: z.object({
    size_bytes: bytes.nullable(),
    /** Files the stack needs that lie outside its project directory. */
    outside: z.array(name),
    /** Links by absolute path: they lead to the files that arrive only if the directory keeps its place. */
    absolute_links: z.array(name).default([]),
  }),
  remote_includes: z.array(name),
  /** Containers of services that the file no longer has: they stay, and must not run. */
  orphans: z.array(z.object({ container: name, service: name, running: z.boolean() })).default([]),
  /** `HOME` and `PWD` of the shell that started the stack, where its file uses them. */
  environment: z.record(name, name).default({}),
  /** Whether the containers are what the file says now, else in what they differ; null where it can't be told. */
  drift: z.object({ current: z.boolean().nullable(), detail: z.string() }),
  /** What containers wrote outside any volume; it does not move. */
  written_layers: z.array(z.object({ container: name, size_bytes: bytes })),
  /** Compose's own objections to the file (`compose config`), empty where it reads it. */
  compose_errors: z.array(z.string()),
  /** The stack's own use, for `sizing: "stack"`. */
  usage: z.object({ memory_bytes: bytes, disk_bytes: bytes }),
});
export type StackFacts = z.infer<typeof stackFacts>;

const takenList = z.array(z.object({ name, by: z.string() })).nullable();

/** The target's answers to what a stack needs of it. */
export const targetFacts = z.object({
  /** Where the project directory would lie here. */
  project_path: name,
  images: z.array(
    z.object({
      reference: name,
      state: z.enum(['present', 'pullable', 'differs', 'not_found', 'unauthorized', 'rate_limited', 'unreachable']),
      detail: z.string(),
      /** How many of its layers, from the lowest, are here and need not be sent. */
      layers_present: z.number().int(),
      /** The image store can hold it under this name when the source sends it. */
      loadable: z.boolean().optional(),
    }),
  ),
  /** `name` is `port/protocol`. */
  ports_taken: takenList,
  /** Addresses that ports are published on and that no interface here has. */
  addresses_absent: z.array(name).nullable().default([]),
  /** Subnets, interfaces and fixed addresses that the stack's networks need and cannot have here. */
  network_obstacles: z
    .array(z.object({ name, why: z.string() }))
    .nullable()
    .default([]),
  project_resources: takenList,
  names_taken: takenList,
  volumes_taken: z.array(z.object({ name, migration_id: z.string().nullable() })).nullable(),
  path: z.object({ free: z.boolean().nullable(), detail: z.string(), free_bytes: bytes.nullable() }),
  networks_absent: z.array(name).nullable(),
  /** Networks joined by hand on the source that do not exist here. */
  joined_absent: z.array(name).default([]),
  /** External volumes of the file that are not here. */
  external_volumes_absent: z.array(name).nullable(),
  devices_absent: z.array(name).nullable(),
  powers_refused: z.array(z.object({ service: name, power: z.enum(hostPowers), detail: z.string() })),
  bind_mounts: z.array(z.object({ path: name, exists: z.boolean() })),
  compose_compatible: z.object({ ok: z.boolean(), detail: z.string() }),
});
export type TargetFacts = z.infer<typeof targetFacts>;

/** A stack as the inventory lists it. */
export const stackSummary = z
  .object({
    project: name,
    working_dir: name,
    config_files: z.array(name),
    services: z.array(z.object({ name, image: name, running: z.number().int(), total: z.number().int() })),
    volumes: z.array(name),
    ports: z.array(publishedPort),
    bind_mounts: z.array(name),
    running: z.boolean(),
  })
  .meta({ id: 'StackSummary' });
export type StackSummary = z.infer<typeof stackSummary>;
