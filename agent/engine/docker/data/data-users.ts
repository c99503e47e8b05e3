import { isInside } from '../../../compose/project.ts';
import { realOf } from '../../../real-path.ts';
import type { DataUser, StandbyPlaces } from '../../engine.ts';
import type { DockerApi } from '../api.ts';
import { type ContainerSummary, inspectAll, listContainers, stateOf } from '../containers.ts';
import { composeLabels, helperLabel } from '../labels.ts';
import { listVolumes, type Volume } from '../volumes.ts';

/** A container that uses what a stack's migration moves, or is of the stack, whoever made it. */
export interface DataMounter {
  container: ContainerSummary;
  /** What it has of the data: a volume's name, or a path of the host. */
  uses: string;
  /** It has no more than a directory above the data, as a backup of all of `/srv` has. */
  above: boolean;
  /** It carries the project's labels and its directory: a service's container, or a one-off run. */
  ofStack: boolean;
}

/** The data of a stack as containers may have it mounted. */
interface DataPaths {
  volumes: Set<string>;
  /** Real paths of the volumes' contents and of the project directory. */
  trees: string[];
  /** Volume → the path that its options bind. */
  bound: Map<string, string>;
}

/** All of the engine's containers that use the data, whatever their state. Helpers of agents are none. */
export async function dataMounters(api: DockerApi, places: StandbyPlaces): Promise<DataMounter[]> {
  const [containers, volumes] = await Promise.all([listContainers(api), listVolumes(api)]);
  const paths = await dataPaths(places, volumes);
  const users = containers.filter(({ Labels }) => !(helperLabel in Labels)).map((one) => userOf(one, places, paths));
  return (await Promise.all(users)).filter((user) => user !== null);
}

/** Their states, but of those that only have a directory above the data. */
export async function dataUserStates(api: DockerApi, places: StandbyPlaces): Promise<DataUser[]> {
  const users = (await dataMounters(api, places)).filter(({ above }) => !above);
  const containers = await inspectAll(
    api,
    users.map(({ container }) => container.Id),
  );
  return containers.map((container) => ({
    ...stateOf(container),
    of_stack: users.some(({ container: { Id }, ofStack }) => ofStack && Id === container.Id),
  }));
}

async function dataPaths({ volumes, directory }: StandbyPlaces, all: Volume[]): Promise<DataPaths> {
  const own = all.filter(({ Name }) => volumes.includes(Name)).map(({ Mountpoint }) => Mountpoint);
  const bound = all.flatMap(({ Name, Options }) =>
    Options.device?.startsWith('/') ? [[Name, Options.device] as const] : [],
  );
  return {
    volumes: new Set(volumes),
    trees: await Promise.all([directory, ...own].map(realOf)),
    bound: new Map(bound),
  };
}

async function userOf(
  container: ContainerSummary,
  { project, directory }: StandbyPlaces,
  paths: DataPaths,
): Promise<DataMounter | null> {
  const { Labels, Mounts } = container;
  const ofStack = Labels[composeLabels.project] === project && Labels[composeLabels.workingDir] === directory;
  const uses = (await Promise.all(Mounts.map((mount) => useOf(mount, paths)))).filter((use) => use !== null);
  const [use] = uses.sort((a, b) => Number(a.above) - Number(b.above));
  if (use) return { container, ofStack, ...use };
  return ofStack ? { container, ofStack, uses: directory, above: false } : null;
}

/** What can't be written through changes nothing, but a volume that moves away is missed by its readers too. */
async function useOf(
  { Type, Name, Source, RW }: ContainerSummary['Mounts'][number],
  { volumes, trees, bound }: DataPaths,
): Promise<{ uses: string; above: boolean } | null> {
  if (Type === 'volume' && Name && volumes.has(Name)) return { uses: Name, above: false };
  const source = Type === 'bind' ? Source : Type === 'volume' && Name ? bound.get(Name) : undefined;
  if (!source || RW === false) return null;
  const path = await realOf(source);
  if (trees.some((tree) => isInside(tree, path))) return { uses: source, above: false };
  return trees.some((tree) => isInside(path, tree)) ? { uses: source, above: true } : null;
}

export const nameOfContainer = ({ Names, Id }: ContainerSummary): string => Names[0]?.slice(1) ?? Id.slice(0, 12);
