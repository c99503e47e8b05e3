import { lstat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { StackFacts, TargetFacts } from '../../../schema/facts.ts';
import { mountsBelow } from '../../mounts.ts';
import { realOf } from '../../real-path.ts';
import { isFree } from '../placed-directories.ts';
import { compareVersions, type DockerApi, filters } from './api.ts';
import { type containerSummary, listContainers } from './containers.ts';
import type { DockerContext } from './context.ts';
import { foreignVolumes } from './created-policy.ts';
import { existsOnHost } from './data/existence.ts';
import { devicesAbsent } from './device-trial.ts';
import { engineInfo, unseenBySnap } from './engine-info.ts';
import { composeVersionOf } from './host-facts.ts';
import { readHostNetwork } from './host-network.ts';
import { locateImages } from './image-location.ts';
import { composeLabels, migrationLabel } from './labels.ts';
import { addressesAbsent, networkAnswer, networkObstacles } from './network-conflicts.ts';
import { portsTaken } from './ports.ts';
import { powerOfBind } from './powers.ts';
import { placeRefusal, projectPlace } from './project-place.ts';
import { findVolumes, listVolumes } from './volumes.ts';

/** The oldest Compose whose `create`, `start` and `--dry-run` behave as we rely on. */
const composeOldest = '2.20';

export const listNetworks = (api: DockerApi, label?: string) =>
  api.get(`/networks${label ? `?${filters({ label: [label] })}` : ''}`, z.array(networkAnswer));

/** What stands in this stack's way here. What could not be told is null, and counts as the bad case. */
export async function targetFacts(context: DockerContext, stack: StackFacts): Promise<TargetFacts> {
  const { api } = context;
  const project_path = projectPlace(context, stack.project, stack.working_dir);
  const [containers, networks] = await Promise.all([listContainers(api), listNetworks(api)]);
  const moved = stack.volumes.filter(({ external }) => !external);
  const external = stack.volumes.filter((volume) => volume.external);
  const images = stack.services.map(({ image }) => image);
  return {
    project_path,
    images: await locateImages(
      api,
      images.filter(({ reference }, i) => images.findIndex((image) => image.reference === reference) === i),
    ),
    ports_taken: await orNull(
      portsTaken(
        stack.services.flatMap(({ ports }) => ports),
        containers,
      ),
    ),
    addresses_absent: await orNull(
      readHostNetwork().then((host) =>
        addressesAbsent(
          stack.services.flatMap(({ ports }) => ports),
          host,
        ),
      ),
    ),
    network_obstacles: await orNull(conflictsOf(context, stack, networks)),
    project_resources: await orNull(projectResources(api, stack.project, containers)),
    names_taken: namesTaken(stack, containers, networks),
    volumes_taken: await orNull(
      volumesTaken(
        api,
        moved.map(({ name }) => name),
      ),
    ),
    path: await pathFacts(context, stack.project, project_path),
    networks_absent: stack.networks
      .filter(({ name, external: isExternal }) => isExternal && !networks.some(({ Name }) => Name === name))
      .map(({ name }) => name),
    joined_absent: stack.joined_networks
      .map(({ network }) => network)
      .filter(
        (name) => !networks.some(({ Name }) => Name === name) && !stack.networks.some((own) => own.name === name),
      ),
    external_volumes_absent: await orNull(
      absentVolumes(
        api,
        external.map(({ name }) => name),
      ),
    ),
    devices_absent: await orNull(devicesAbsent(context, stack.services)),
    powers_refused: await powersRefused(context, stack, project_path),
    bind_mounts: await Promise.all(
      stack.bind_mounts
        .filter(({ inside_project }) => !inside_project)
        .map(async ({ source }) => ({ path: source, exists: await existsOnHost(context.place, source) })),
    ),
    compose_compatible: await composeCompatible(context),
  };
}

async function projectResources(api: DockerApi, project: string, containers: Summary[]) {
  const label = `${composeLabels.project}=${project}`;
  const [networks, volumes] = await Promise.all([listNetworks(api, label), listVolumes(api, label)]);
  const by = `project ${project}`;
  return [
    ...containers
      .filter(({ Labels }) => Labels[composeLabels.project] === project)
      .map(({ Names, Id }) => ({ name: `container ${Names[0]?.slice(1) ?? Id.slice(0, 12)}`, by })),
    ...networks.map(({ Name }) => ({ name: `network ${Name}`, by })),
    ...volumes.map(({ Name, Labels }) => ({
      name: `volume ${Name}`,
      by: Labels[migrationLabel] ? `migration ${Labels[migrationLabel]}` : by,
    })),
  ];
}

type Summary = z.infer<typeof containerSummary>;

/** Only an inspected network tells the addresses of its containers. */
async function conflictsOf({ api }: DockerContext, stack: StackFacts, all: z.infer<typeof networkAnswer>[]) {
  const joined = stack.networks.filter(({ external, addresses }) => external && addresses.length > 0);
  const inspected = await Promise.all(
    joined.map(({ name }) => api.find(`/networks/${encodeURIComponent(name)}`, networkAnswer)),
  );
  const present = all.map((one) => inspected.find((network) => network?.Id === one.Id) ?? one);
  return networkObstacles(stack.networks, present, await readHostNetwork());
}

/** Names that the file fixes, and those that Compose will make. */
function namesTaken(stack: StackFacts, containers: Summary[], networks: z.infer<typeof networkAnswer>[]) {
  const fixed = (kind: string) => stack.fixed_names.filter((name) => name.kind === kind).map(({ name }) => name);
  const made = stack.services.flatMap(({ name, replicas }) =>
    Array.from({ length: replicas }, (_, i) => `${stack.project}-${name}-${i + 1}`),
  );
  const containerNames = new Set([...fixed('container'), ...made]);
  const networkNames = new Set([
    ...fixed('network'),
    ...stack.networks.filter(({ external }) => !external).map(({ name }) => name),
  ]);
  return [
    ...containers.flatMap(({ Names, Image }) =>
      Names.map((name) => name.slice(1))
        .filter((name) => containerNames.has(name))
        .map((name) => ({ name, by: `a container of ${Image}` })),
    ),
    ...networks.filter(({ Name }) => networkNames.has(Name)).map(({ Name }) => ({ name: Name, by: 'a network' })),
  ];
}

async function volumesTaken(api: DockerApi, names: string[]) {
  const found = await findVolumes(api, names);
  return found.map(({ Name, Labels }) => ({ name: Name, migration_id: Labels[migrationLabel] ?? null }));
}

async function absentVolumes(api: DockerApi, names: string[]): Promise<string[]> {
  const found = await findVolumes(api, names);
  return names.filter((name) => !found.some(({ Name }) => Name === name));
}

/** The place of the project directory, and the room on the file system that will hold it. */
async function pathFacts(context: DockerContext, project: string, path: string): Promise<TargetFacts['path']> {
  const free_bytes = await roomAt(path);
  try {
    const refusal = await placeRefusal(context, project, path);
    if (refusal) return { free: false, detail: refusal, free_bytes };
    if (unseenBySnap(path) && (await engineInfo(context.api)).snap)
      return {
        free: false,
        detail: 'Docker is a snap there and does not see it; use --stacks-dir below /home.',
        free_bytes,
      };
    if ((await mountsBelow(path)).length > 0)
      return { free: false, detail: 'something is mounted there; use --stacks-dir.', free_bytes };
    const free = await isFree(path);
    return { free, detail: free ? '' : 'something is there already; move it away or set --stacks-dir.', free_bytes };
  } catch (error) {
    return { free: null, detail: `it could not be looked at: ${(error as Error).message}`, free_bytes };
  }
}

async function roomAt(path: string): Promise<number | null> {
  for (let at = path; ; at = dirname(at)) {
    if (await exists(at)) {
      const { bavail, bsize } = await statfs(at).catch(() => ({ bavail: null, bsize: 0 }));
      return bavail === null ? null : bavail * bsize;
    }
    if (at === dirname(at)) return null;
  }
}

/** What the source says its services ask for, and what their bind mounts reach on this host. */
async function powersRefused(context: DockerContext, stack: StackFacts, project_path: string) {
  const host = { directory: project_path, own: await context.ownPaths() };
  const binds = await Promise.all(
    stack.bind_mounts
      .filter(({ inside_project }) => !inside_project)
      .map(async ({ service, source }) => ({
        service,
        power: powerOfBind(await realOf(source), host),
        detail: source,
      })),
  );
  const shared = await foreignVolumes(
    context.api,
    stack.project,
    new Set(),
    stack.volumes.filter(({ external }) => external).map(({ name }) => name),
  );
  const asked = [
    ...[...shared.values()].map((detail) => ({ service: 'external volume', power: 'host_path' as const, detail })),
    ...stack.services.flatMap(({ name, powers }) => powers.map((power) => ({ service: name, ...power }))),
    ...binds.flatMap(({ power, ...bind }) => (power ? [{ ...bind, power }] : [])),
  ].filter(({ power }) => !context.allow.includes(power));
  const key = ({ service, power, detail }: (typeof asked)[number]) => `${service} ${power} ${detail}`;
  return [...new Map(asked.map((one) => [key(one), one])).values()];
}

const exists = (path: string) =>
  lstat(path).then(
    () => true,
    () => false,
  );

async function composeCompatible(context: DockerContext): Promise<TargetFacts['compose_compatible']> {
  const version = await composeVersionOf(context);
  if (version === null) return { ok: false, detail: 'The target has no "docker compose". Install the plugin there.' };
  return compareVersions(version, composeOldest) < 0
    ? { ok: false, detail: `The target’s Compose ${version} is too old; ${composeOldest} or newer is needed.` }
    : { ok: true, detail: version };
}

/** "Could not tell" is an answer of its own. */
const orNull = <T>(promise: Promise<T>): Promise<T | null> => promise.catch(() => null);
