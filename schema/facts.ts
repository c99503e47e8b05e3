import { z } from 'zod';
import { variableName, variables } from './environment.ts';
import { bytes, name, portNumber } from './fact-values.ts';
import { limits } from './limits.ts';
import { joinedNetwork, stackNetwork } from './network-facts.ts';

/**
 * Facts that agents measure and report about their stacks: names, sizes, ids, never environment values.
 *
 * `null` means "unknown", which every check counts as a failure. Agents of the previous release omit new fields, so a
 * new field needs a `.default()` that means "unknown".
 */

export const publishedPort = z.object({
  host_ip: z.string(),
  port: portNumber,
  protocol: z.enum(['tcp', 'udp', 'sctp']),
});
export type PublishedPort = z.infer<typeof publishedPort>;

export const stackImage = z.object({
  /** The name in the compose file. */
  reference: name,
  /** The image id (content digest of its configuration), null if the source no longer has it. */
  image_id: z.string().nullable(),
  /** Digest of layers, configuration and platform. Unlike the id, it is equal in every image store. */
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
  /** Projects or containers outside this stack that mount it. */
  also_used_by: z.array(name),
});
export type StackVolume = z.infer<typeof stackVolume>;

/** Privileges beyond the container; a target's policy must allow each by name. */
export const hostPrivileges = [
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
export type HostPrivilege = (typeof hostPrivileges)[number];

/** The Engine's form; a count of -1 requests all. */
export const deviceRequest = z.object({
  driver: z.string(),
  count: z.number().int(),
  device_ids: z.array(name),
  capabilities: z.array(name),
});
export type DeviceRequest = z.infer<typeof deviceRequest>;

/** States of a service that does not simply run. */
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
  /** Null if it runs, or completed its job. */
  unwell: z.enum(unwellStates).nullable().default(null),
  /** Longest time from its start to its healthcheck's verdict; null without a healthcheck. */
  health_wait_s: z.number().nullable().default(null),
  builds: z.boolean(),
  ports: z.array(publishedPort),
  devices: z.array(name),
  /** The runtime named in the file. */
  runtime: name.nullable().default(null),
  /** GPUs and the like. */
  device_requests: z.array(deviceRequest).default([]),
  /** It has `pre_stop` hooks, which a migration does not run. */
  stop_hooks: z.boolean().default(false),
  powers: z.array(z.object({ power: z.enum(hostPrivileges), detail: z.string() })),
  /** Names of all its attributes in Compose's model; empty from the previous release. */
  keys: z.array(name).default([]),
});
export type StackService = z.infer<typeof stackService>;

export const bindMount = z.object({
  service: name,
  source: name,
  target: name,
  /** The previous release does not tell. */
  read_only: z.boolean().default(false),
  /** Inside the project directory by its real path: it moves with the project. */
  inside_project: z.boolean(),
  /** The symlink in the project directory that leads to `source`. */
  link: name.nullable().default(null),
  /** The volume whose options bind `source`: its name, and its key in the file. */
  volume: z.object({ name, key: name }).nullable().default(null),
});

/** What lies at the source of a bind mount outside the project. */
export const bindKinds = ['directory', 'network', 'file', 'socket', 'device', 'fifo', 'absent', 'unseen'] as const;

/** What one pattern leaves out (`exclude-pattern.ts`). */
export const leftOut = z.object({
  pattern: name,
  /** The uppermost entries that match. */
  directories: z.number().int().nonnegative(),
  others: z.number().int().nonnegative(),
  /** Allocated size, with all that is below them; null if the walk was not finished. */
  size_bytes: bytes.nullable(),
  /** Some of them. */
  paths: z.array(name),
});
export type LeftOut = z.infer<typeof leftOut>;

/** What patterns leave out of one directory. */
export const exclusion = z.object({
  left: z.array(leftOut),
  /** What the stack mounts or reads there. */
  needed: z.array(z.object({ pattern: name, path: name })),
});
export type Exclusion = z.infer<typeof exclusion>;

/** The data behind the bind mounts outside the project, one per path: what a migration may move. */
export const bindTree = z.object({
  /** A `bind_mounts[].source`. */
  path: name,
  /** The same without symbolic links. */
  real: name,
  /** `network`: a directory on a network file system. `unseen`: the agent is in a container that does not have the path. */
  kind: z.enum(bindKinds),
  /** Allocated size without what is left out; null if unknown, or not a directory. */
  size_bytes: bytes.nullable(),
  /** A directory of the system, the engine, the agent or the project that it is, holds, or lies in: it can't move. */
  reaches: name.nullable(),
  /** Containers outside this stack that mount it or a part of it. */
  also_used_by: z.array(name),
  /** Containers outside this stack that can write to it through a directory above. */
  written_from_above: z.array(name).default([]),
  /** False if only the file names it so far: what no container mounts does not leave this host. */
  mounted: z.boolean().default(true),
  /** Null: the agent can't leave anything out. */
  exclusion: exclusion.nullable().default(null),
});
export type BindTree = z.infer<typeof bindTree>;

/** Findings in the places where a stack's data is stored. */
export const stackData = z.object({
  /** Other mounts below a volume or directory (`tree`): a copy would leave their contents out. */
  nested_mounts: z.array(z.object({ tree: name, path: name, kind: z.string() })),
  /** Examples of immutable or append-only files (`chattr`); the attribute does not move. */
  immutable: z.array(z.object({ tree: name, path: name })).default([]),
  /** Volumes and directories that could not be read. */
  unseen: z.array(z.object({ tree: name, why: z.string() })),
  /** Running containers outside the stack's services that can write to its data. */
  writers: z.array(
    z.object({
      container: name,
      /** A volume, or a path of the host. */
      uses: name,
      /** It only mounts a directory above the data. */
      above: z.boolean(),
      /** A `docker compose run` container of the stack. */
      one_off: z.boolean(),
    }),
  ),
});

export const stackFacts = z.object({
  project: name,
  /** What it sends of the stack says whose it is; the previous release's does not, and so proves no permission. */
  names_itself: z.boolean().default(false),
  working_dir: name,
  config_files: z.array(name),
  env_files: z.array(name),
  services: z.array(stackService),
  volumes: z.array(stackVolume),
  anonymous_volumes: z.array(
    z.object({
      name,
      service: name,
      size_bytes: bytes.nullable(),
      /** What is needed to move it; null from an agent that can't. */
      move: z.object({ volume: stackVolume, number: z.number().int(), target: name }).nullable().default(null),
    }),
  ),
  networks: z.array(stackNetwork),
  joined_networks: z.array(joinedNetwork).default([]),
  /** Containers created from files other than the ones named above. */
  other_files: z.array(z.object({ container: name, files: z.array(name) })).default([]),
  /** Containers outside the stack that keep its files: a Compose manager that ran Compose in its own container. */
  managers: z.array(name).default([]),
  /** Names fixed by the file (`container_name`, `networks.x.name`). */
  fixed_names: z.array(z.object({ kind: z.enum(['container', 'network']), name })),
  bind_mounts: z.array(bindMount),
  /** Null: the agent can't move bind mounts. */
  bind_trees: z.array(bindTree).nullable().default(null),
  /** A name for another Compose file in the project directory that Compose reads by itself, if one is free. */
  override_name: name.default('compose.stackferry.yaml'),
  data: stackData.nullable().default(null),
  project_files: z.object({
    size_bytes: bytes.nullable(),
    /** Files the stack needs outside its project directory. */
    outside: z.array(name),
    /** Absolute symlinks: they reach the moved files only if the directory keeps its path. */
    absolute_links: z.array(name).default([]),
    /** Null: the agent can't leave anything out. */
    exclusion: exclusion.nullable().default(null),
  }),
  remote_includes: z.array(name),
  /** Containers of services that the file no longer has: they stay, and must not run. */
  orphans: z.array(z.object({ container: name, service: name, running: z.boolean() })).default([]),
  /** `HOME` and `PWD` of the shell that started the stack, if its file uses them. */
  environment: variables.default({}),
  /** Variables that its files use and whose values are not known. */
  unknown_variables: z.array(variableName).max(limits.api.variablesMax).default([]),
  /** Whether the containers match the file, or how they differ; null if unknown. */
  drift: z.object({
    current: z.boolean().nullable(),
    detail: z.string(),
    /** Services that differ. */
    services: z.array(name).default([]),
    /** What it means to move what the file says instead of what runs; null: the agent can't tell. */
    as_written: z
      .object({
        /** Data that only the containers use: `bind mount /srv/x of service web`. */
        stays: z.array(z.string()),
        /** Why the file can't be moved. */
        obstacles: z.array(z.string()),
      })
      .nullable()
      .default(null),
  }),
  /** Data that containers wrote outside any volume; it does not move. */
  written_layers: z.array(z.object({ container: name, size_bytes: bytes })),
  /** Errors of `compose config`, empty if it accepts the file. */
  compose_errors: z.array(z.string()),
  /** The stack's own usage, for `sizing: "stack"`. */
  usage: z.object({ memory_bytes: bytes, disk_bytes: bytes }),
});
export type StackFacts = z.infer<typeof stackFacts>;

/** A stack's entry in the inventory. */
export const stackSummary = z
  .object({
    project: name,
    plain: z.boolean().default(false).describe('A container that Compose did not make; `adopt` makes it a stack.'),
    working_dir: name,
    config_files: z.array(name),
    services: z.array(
      z.object({
        name,
        image: name,
        running: z.number().int(),
        total: z.number().int(),
        finished: z.number().int().optional().describe('Containers that exited with 0; absent from older agents.'),
      }),
    ),
    volumes: z.array(name),
    ports: z.array(publishedPort),
    bind_mounts: z.array(name),
    running: z.boolean(),
  })
  .meta({ id: 'StackSummary' });
export type StackSummary = z.infer<typeof stackSummary>;
