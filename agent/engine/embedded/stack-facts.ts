import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { errorMessageOf, StackferryError } from '../../../schema/errors.ts';
import type { PublishedPort, StackFacts, StackImage, StackSummary, StackVolume } from '../../../schema/facts.ts';
import { stackNetwork } from '../../../schema/network-facts.ts';
import { hasFinished, isRunning, runStateOf } from './containers.ts';
import { specHash } from './deployment.ts';
import type { ContainerRecord, HostRoot } from './host-root.ts';
import { readStackFile, type StackFile, stackFileName, volumeKeysOf, volumeNameOf } from './stack-file.ts';
import { measureTree } from './tree-walk.ts';
import { allVolumes, dataOf, findVolume } from './volume-store.ts';

export async function summarizeStacks(host: HostRoot): Promise<StackSummary[]> {
  const records = await host.containers.all();
  const projects = [...new Set(records.map(({ project }) => project))].sort();
  return Promise.all(
    projects.map(async (project) => {
      const own = records.filter((record) => record.project === project);
      const states = await Promise.all(own.map((record) => runStateOf(host, record)));
      const running = states.map(isRunning);
      const volumes = (await allVolumes(host)).filter(({ labels }) => labels['com.docker.compose.project'] === project);
      return {
        project,
        plain: false,
        working_dir: own[0]?.working_dir ?? '',
        config_files: [stackFileName],
        services: own.map(({ service, spec }, index) => ({
          name: service,
          image: spec.image,
          running: running[index] ? 1 : 0,
          total: 1,
          finished: hasFinished(states[index]) ? 1 : 0,
        })),
        volumes: volumes.map(({ name }) => name),
        ports: own.flatMap(({ spec }) => spec.ports.map(publish)),
        bind_mounts: [],
        running: running.some(Boolean),
      };
    }),
  );
}

/** Throws `stack_not_found`. */
export async function inspectStack(host: HostRoot, project: string): Promise<StackFacts> {
  const own = (await host.containers.all()).filter((record) => record.project === project);
  const [first] = own;
  if (!first) throw new StackferryError('stack_not_found', `No stack "${project}" is on this host.`);
  const directory = first.working_dir;
  const file = await readStackFile(directory).catch((error: unknown) => errorMessageOf(error));
  const known: StackFile = typeof file === 'string' ? { services: {}, volumes: {} } : file;
  const volumes = await volumesOf(host, project, own, known);
  const projectBytes = await measureTree(directory);
  return {
    project,
    names_itself: true,
    working_dir: directory,
    config_files: [stackFileName],
    env_files: existsSync(join(directory, '.env')) ? ['.env'] : [],
    services: await Promise.all(own.map((record) => serviceOf(host, record))),
    volumes,
    anonymous_volumes: [],
    networks: (await host.networks.all())
      .filter((network) => network.project === project)
      .map(({ name }) => stackNetwork.parse({ name, external: false })),
    joined_networks: [],
    other_files: [],
    managers: [],
    fixed_names: [],
    bind_mounts: [],
    bind_trees: [],
    override_name: '',
    data: { nested_mounts: [], immutable: [], unseen: [], writers: [] },
    project_files: { size_bytes: projectBytes, outside: [], absolute_links: [], exclusion: null },
    remote_includes: [],
    orphans: [],
    environment: {},
    unknown_variables: [],
    drift: driftOf(own, known),
    written_layers: [],
    compose_errors: typeof file === 'string' ? [file] : [],
    usage: {
      memory_bytes: (await Promise.all(own.map((record) => residentBytes(host, record)))).reduce((a, b) => a + b, 0),
      disk_bytes: volumes.reduce((sum, { size_bytes }) => sum + (size_bytes ?? 0), projectBytes),
    },
  };
}

export function imageOf(reference: string): StackImage {
  return { reference, image_id: reference, repo_digests: [], layers: [], os: platform(), arch: arch(), size_bytes: 0 };
}

async function serviceOf(host: HostRoot, record: ContainerRecord): Promise<StackFacts['services'][number]> {
  const { service, spec } = record;
  const run = await runStateOf(host, record);
  const running = run.state === 'running' || run.state === 'starting';
  const isJob = spec.one_shot && run.state === 'exited' && run.exit_code === 0;
  return {
    name: service,
    image: imageOf(spec.image),
    replicas: 1,
    running: running ? 1 : 0,
    has_healthcheck: spec.healthcheck !== null,
    one_shot: isJob,
    unwell: running || isJob ? null : 'stopped',
    health_wait_s: null,
    builds: false,
    ports: spec.ports.map(publish),
    devices: [],
    runtime: null,
    device_requests: [],
    stop_hooks: false,
    powers: [],
    keys: [],
  };
}

async function volumesOf(
  host: HostRoot,
  project: string,
  own: ContainerRecord[],
  file: StackFile,
): Promise<StackVolume[]> {
  const others = (await host.containers.all()).filter((record) => record.project !== project);
  const keys = [...new Set([...Object.keys(file.volumes), ...own.flatMap(({ spec }) => volumeKeysOf(spec))])].sort();
  return Promise.all(
    keys.map(async (key) => {
      const name = volumeNameOf(project, key, file);
      const record = await findVolume(host, name);
      return {
        name,
        driver: record?.driver ?? 'local',
        options: record?.options ?? {},
        labels: record?.labels ?? {},
        external: file.volumes[key]?.external ?? false,
        size_bytes: record ? await measureTree(dataOf(host, name)) : null,
        also_used_by: others
          .filter((other) =>
            volumeKeysOf(other.spec).some((otherKey) => `${other.project}_${otherKey}` === name || otherKey === name),
          )
          .map((other) => other.name),
      };
    }),
  );
}

function driftOf(own: ContainerRecord[], file: StackFile): StackFacts['drift'] {
  const changed = own.filter(({ service, spec }) => {
    const now = file.services[service];
    return !now || specHash(now) !== specHash(spec);
  });
  return changed.length === 0
    ? { current: true, detail: 'the stack file says what runs', services: [], as_written: null }
    : {
        current: false,
        detail: `changed in the file since: ${changed.map(({ service }) => service).join(', ')}.`,
        services: changed.map(({ service }) => service),
        as_written: null,
      };
}

function publish(port: number): PublishedPort {
  return { host_ip: '127.0.0.1', port, protocol: 'tcp' };
}

/** Resident memory of a container's whole process group; 0 if /proc is not readable. */
async function residentBytes(host: HostRoot, record: ContainerRecord): Promise<number> {
  const run = await runStateOf(host, record);
  if (run.state !== 'running') return 0;
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // Fields 5 (process group) and 24 (resident pages) of proc_pid_stat(5).
      return fields[2] === String(run.pid) ? Number(fields[21] ?? 0) * 4096 : 0;
    }),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
