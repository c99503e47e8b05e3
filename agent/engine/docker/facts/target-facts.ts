import { z } from 'zod';
import { allOf } from '../../../../schema/all-of.ts';
import { compareVersions } from '../../../../schema/compare-versions.ts';
import type { StackFacts } from '../../../../schema/facts.ts';
import type { TargetFacts } from '../../../../schema/target-facts.ts';
import { unknownKeys } from '../../../compose/service-keys.ts';
import { type DockerApi, filters } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { existsOnHost } from '../data/existence.ts';
import { locateImages } from '../images/image-location.ts';
import { composeLabels, migrationLabel } from '../labels.ts';
import { projectPlace } from '../policy/project-place.ts';
import { type containerSummary, listContainers } from '../stack/containers.ts';
import { findVolumes, listVolumes } from '../stack/volumes.ts';
import { devicesAbsent } from './device-trial.ts';
import { asMade, listWholeNetworks, networkDifferences } from './external-networks.ts';
import { composeVersionOf } from './host-facts.ts';
import { type HostNetwork, readHostNetwork } from './host-network.ts';
import { addressesAbsent, networkAnswer, networkObstacles } from './network-conflicts.ts';
import { bindPlace, pathFacts } from './place-facts.ts';
import { portsTaken } from './ports.ts';
import { arrivingOf, powersRefused } from './powers-refused.ts';

/** The oldest Compose whose `create`, `start` and `--dry-run` behave as required. */
const composeOldest = '2.20';

export const listNetworks = (api: DockerApi, label?: string) =>
  api.get(`/networks${label ? `?${filters({ label: [label] })}` : ''}`, z.array(networkAnswer));

/** Finds obstacles to this stack on this host. Unknown facts are null, which counts as a failure. */
export async function targetFacts(
  context: DockerContext,
  stack: StackFacts,
  { bindPlaces, source }: { bindPlaces: string[]; source: string | null },
): Promise<TargetFacts> {
  const { api } = context;
  const arriving = arrivingOf(stack, source);
  const project_path = projectPlace(context, stack.project, stack.working_dir);
  const compose_compatible = composeCompatible(context);
  const [containers, networks, hostNetwork] = await Promise.all([
    listContainers(api),
    listWholeNetworks(api),
    orNull(readHostNetwork()),
  ]);
  const moved = stack.volumes.filter(({ external }) => !external).map(({ name }) => name);
  const external = stack.volumes.filter((volume) => volume.external).map(({ name }) => name);
  const images = stack.services.map(({ image }) => image);
  const ports = stack.services.flatMap((service) => service.ports);
  const isHere = (network: string) => networks.some(({ Name }) => Name === network);
  const [facts, powers] = await Promise.all([
    allOf({
      project_path,
      images: locateImages(
        api,
        images.filter(({ reference }, i) => images.findIndex((image) => image.reference === reference) === i),
      ),
      ports_taken: orNull(portsTaken(ports, containers)),
      addresses_absent: hostNetwork && addressesAbsent(ports, hostNetwork),
      network_obstacles: hostNetwork && orNull(conflictsOf(context, stack, networks, hostNetwork)),
      project_resources: orNull(projectResources(api, stack.project, containers)),
      names_taken: namesTaken(stack, containers, networks),
      volumes_taken: orNull(volumesTaken(api, moved)),
      path: pathFacts(context, stack.project, project_path),
      networks_absent: stack.networks
        .filter(({ name, external: isExternal }) => isExternal && !isHere(name))
        .map(({ name }) => name),
      network_differences: networkDifferences(stack.networks, networks),
      joined_absent: stack.joined_networks
        .map(({ network }) => network)
        .filter((name) => !isHere(name) && !stack.networks.some((own) => own.name === name)),
      attaches_anonymous: true,
      external_volumes_absent: orNull(absentVolumes(api, external)),
      devices_absent: orNull(devicesAbsent(context, stack.services)),
      keys_refused: stack.services.flatMap(({ name, keys }) =>
        unknownKeys({ keys }, context.allowKeys).map((key) => ({ service: name, key })),
      ),
      bind_mounts: Promise.all(
        stack.bind_mounts
          .filter(({ inside_project }) => !inside_project)
          .map(async ({ source }) => ({
            path: source,
            exists: await existsOnHost(context.place, source, context.own),
          })),
      ),
      bind_places: Promise.all(bindPlaces.map((place) => bindPlace(context, arriving, project_path, place))),
      registry_logins: true,
      option_volumes: true,
      compose_compatible,
    }),
    powersRefused(context, stack, arriving, project_path),
  ]);
  return { ...facts, ...powers };
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

/** Only the inspection of a single network returns the addresses of its containers. */
async function conflictsOf(
  { api }: DockerContext,
  stack: StackFacts,
  all: z.infer<typeof networkAnswer>[],
  hostNetwork: HostNetwork,
) {
  const joined = stack.networks.filter(({ external, addresses }) => external && addresses.length > 0);
  const inspected = await Promise.all(
    joined.map(({ name }) => api.find(`/networks/${encodeURIComponent(name)}`, networkAnswer)),
  );
  const present = all.map((one) => inspected.find((network) => network?.Id === one.Id) ?? one);
  return networkObstacles(
    stack.networks.map((network) => asMade(network, all)),
    present,
    hostNetwork,
  );
}

/** Conflicts with names that the file fixes, and with those that Compose will generate. */
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

async function composeCompatible(context: DockerContext): Promise<TargetFacts['compose_compatible']> {
  const version = await composeVersionOf(context);
  if (version === null) return { ok: false, detail: 'The target has no "docker compose". Install the plugin there.' };
  return compareVersions(version, composeOldest) < 0
    ? { ok: false, detail: `The target’s Compose ${version} is too old; ${composeOldest} or newer is needed.` }
    : { ok: true, detail: version };
}

const orNull = <T>(promise: Promise<T>): Promise<T | null> => promise.catch(() => null);
