import { dirname } from 'node:path';
import type { Engine } from '../../agent/engine/engine.ts';
import { isPath } from '../../agent/engine/tree.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { StackFacts } from '../../schema/facts.ts';
import { plainTree } from '../support/media-mount.ts';
import { plainService } from '../support/plain-service.ts';
import type { SimHost } from './host.ts';

/** Each stack publishes one of its own, by TCP and UDP. */
export const portOf = (project: string): number => 8000 + Number(project.replace(/\D/g, ''));

type Call = <T>(what: string, act: () => T) => Promise<T>;

const gigabyte = 2 ** 30;
const label = 'com.docker.compose.project';
const image = {
  reference: 'app:1',
  image_id: 'i',
  repo_digests: [],
  layers: [],
  os: 'linux',
  arch: 'x64',
  size_bytes: 0,
};

const resources = {
  memory: { total_bytes: 64 * gigabyte, used_bytes: gigabyte, free_bytes: 63 * gigabyte },
  disk: { path: '/', total_bytes: 640 * gigabyte, used_bytes: gigabyte, free_bytes: 639 * gigabyte },
  cpu: { cores: 4, load_1m: 0 },
};

/** What the pre-flight and the inventory ask. */
export function factsOf(
  host: SimHost,
  call: Call,
): Pick<Engine, 'host' | 'resources' | 'stacks' | 'inspectStack' | 'checkTarget' | 'missing' | 'projectNetworks'> {
  const { containers, volumes, paths, networks } = host;

  const runsOf = (project: string) =>
    containers
      .withRuns(project)
      .filter(({ oneOff, state }) => oneOff && state === 'running')
      .map(({ name, directory }) => ({ container: name, uses: directory, above: false, one_off: true }));

  const bindsOf = (project: string) => [
    ...new Set(containers.of(project).flatMap(({ spec }) => spec.volumes.filter(isPath))),
  ];

  const stackOf = (project: string): StackFacts => {
    const own = containers.of(project);
    const first = own[0];
    const path = first && paths.get(first.directory);
    if (!first || !path) throw new StackferryError('stack_not_found', `no stack ${project}`);
    return {
      project,
      names_itself: true,
      working_dir: first.directory,
      config_files: ['compose.yaml'],
      env_files: [],
      services: own.map(({ spec, state, exitCode }, index) => ({
        ...plainService(spec.name, image),
        ports:
          index > 0
            ? []
            : (['tcp', 'udp'] as const).map((protocol) => ({ host_ip: '', port: portOf(project), protocol })),
        running: state === 'running' ? 1 : 0,
        has_healthcheck: spec.healthcheck,
        one_shot: spec.oneShot && exitCode === 0,
        // A job that never came to its end, or was made again since. What of the others does not run now is started all the same.
        unwell: spec.oneShot && state !== 'running' && exitCode !== 0 ? ('stopped' as const) : null,
      })),
      volumes: path.spec.volumes
        .filter((name) => !isPath(name))
        .map((name) => ({
          name,
          driver: 'local',
          options: {},
          labels: { [label]: project },
          external: false,
          size_bytes: 1_000,
          also_used_by: [],
          written_from_above: [],
        })),
      anonymous_volumes: [],
      joined_networks: [],
      other_files: [],
      managers: [],
      networks: [],
      fixed_names: [],
      bind_mounts: bindsOf(project).map((source) => ({
        ...{
          service: 'db',
          source,
          target: '/bound',
          read_only: false,
          inside_project: false,
          link: null,
          volume: null,
        },
      })),
      bind_trees: bindsOf(project).map(plainTree),
      override_name: 'compose.override.yaml',
      data: { nested_mounts: [], immutable: [], unseen: [], writers: runsOf(project) },
      project_files: { size_bytes: 100, outside: [], absolute_links: [], exclusion: null },
      remote_includes: [],
      orphans: [],
      environment: {},
      unknown_variables: [],
      drift: { current: true, detail: 'as the file says', services: [], as_written: null },
      written_layers: [],
      compose_errors: [],
      usage: { memory_bytes: 1_000, disk_bytes: 2_000 },
    };
  };

  return {
    host: (relays) =>
      call('look', () => ({
        now_ms: Date.now(),
        agent_version: '1',
        engine: {
          kind: 'docker' as const,
          version: '26.1',
          api_version: '1.45',
          compose_version: '2.26',
          os: 'linux',
          arch: 'x64',
          userns_remap: false,
          rootless: false,
          selinux: false,
          default_runtime: 'runc',
          pre_copy: 'files' as const,
          holds: true,
          content_digest: 'sha256' as const,
        },
        resources,
        image_disk: null,
        helper: { image: 'helper', ready: true, detail: 'is there', layers_present: 0 },
        relays,
      })),
    resources: () => call('look', () => resources),
    stacks: () =>
      call('list', () =>
        [...new Set([...containers.all.values()].map(({ project }) => project))].map((project) => {
          const own = containers.withRuns(project);
          return {
            project,
            plain: false,
            working_dir: own[0]?.directory ?? '',
            config_files: ['compose.yaml'],
            services: [],
            volumes: [],
            ports: [],
            bind_mounts: bindsOf(project),
            running: containers.withRuns(project).some(({ state }) => state === 'running'),
          };
        }),
      ),
    inspectStack: (project) => call('inspect', () => stackOf(project)),
    checkTarget: (stack, { bindPlaces }) =>
      call('check', () => ({
        project_path: stack.working_dir,
        images: [{ reference: image.reference, state: 'present' as const, detail: 'is there', layers_present: 0 }],
        ports_taken: [],
        addresses_absent: [],
        network_obstacles: [],
        project_resources: containers.withRuns(stack.project).map(({ name }) => ({ name, by: 'a container' })),
        names_taken: [],
        volumes_taken: stack.volumes.flatMap(({ name }) => {
          const volume = volumes.get(name);
          return volume ? [{ name, migration_id: volume.madeBy }] : [];
        }),
        path: { free: !paths.has(stack.working_dir), detail: stack.working_dir, free_bytes: gigabyte },
        networks_absent: [],
        attaches_anonymous: true,
        network_differences: null,
        registry_logins: false,
        option_volumes: false,
        joined_absent: [],
        external_volumes_absent: [],
        devices_absent: [],
        powers_refused: [],
        allow_line: null,
        permissions_fault: null,
        keys_refused: [],
        bind_mounts: [],
        bind_places: bindPlaces.map((place) => ({
          ...{ place, free: !volumes.has(place), detail: 'it is looked at', free_bytes: gigabyte },
          ...{ filesystem: '1', with_volumes: true },
        })),
        compose_compatible: { ok: true, detail: 'reads it' },
      })),
    missing: (objects, madeBy) =>
      call('look', () => [
        ...objects.volumes.filter((name) => {
          if (madeBy === undefined) host.lookedForVolumesAt = host.world.time.now;
          const volume = volumes.get(name);
          return !volume || (madeBy !== undefined && volume.madeBy !== madeBy);
        }),
        // A project's files go with its directory.
        ...objects.paths.filter((path) => {
          const there = volumes.get(path) ?? paths.get(path) ?? paths.get(dirname(path));
          return !there || (madeBy !== undefined && there.madeBy !== madeBy);
        }),
      ]),
    projectNetworks: (project) =>
      call('list', () => [...networks.values()].filter((network) => network.project === project).map(({ id }) => id)),
  };
}
