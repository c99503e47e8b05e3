import { isInside } from '../../../compose/project.ts';
import { realOf } from '../../../real-path.ts';
import type { DataUser } from '../../engine.ts';
import type { MigratedData } from '../../tree.ts';
import { composeLabels, helperLabel } from '../labels.ts';
import type { ContainerView } from '../path-maps/container-views.ts';
import { type MapContext, projectPaths } from '../path-maps/project-paths.ts';
import { type ContainerSummary, inspectAll, listContainers, stateOf } from '../stack/containers.ts';
import { listVolumes, type Volume } from '../stack/volumes.ts';
import { boundPaths, hostPathOf } from './mount-sources.ts';

/** A container that belongs to a stack or uses its data, no matter who created it. */
export interface DataMounter {
  container: ContainerSummary;
  /** The volume's name or host path through which it uses the data. */
  uses: string;
  /** It only mounts a directory above the data, like a backup of all of `/srv`. */
  above: boolean;
  /** It carries the project's labels and its directory: a service's container, or a one-off run. */
  ofStack: boolean;
}

/** Paths through which containers may mount the data. */
interface DataPaths {
  volumes: Set<string>;
  /** Real paths of the volumes' contents, the project directory and the bind mounts' directories. */
  trees: string[];
  /** Volume → the path that its options bind. */
  bound: Map<string, string>;
}

/** All containers of the engine that use the data, in any state, without agents' helpers. */
export async function dataMounters(context: MapContext, data: MigratedData): Promise<DataMounter[]> {
  const { api } = context;
  const [containers, volumes] = await Promise.all([listContainers(api), listVolumes(api)]);
  const [paths, own] = await Promise.all([dataPaths(data, volumes), ownOf(context, data, containers)]);
  const users = containers.filter(({ Labels }) => !(helperLabel in Labels)).map((one) => userOf(one, data, paths, own));
  return (await Promise.all(users)).filter((user) => user !== null);
}

/** Their states, without containers that only have a directory above the data. */
export async function dataUserStates(context: MapContext, data: MigratedData): Promise<DataUser[]> {
  const users = (await dataMounters(context, data)).filter(({ above }) => !above);
  const containers = await inspectAll(
    context.api,
    users.map(({ container }) => container.Id),
  );
  return containers.map((container) => ({
    ...stateOf(container),
    of_stack: users.some(({ container: { Id }, ofStack }) => ofStack && Id === container.Id),
  }));
}

async function dataPaths({ volumes, directory, binds }: MigratedData, all: Volume[]): Promise<DataPaths> {
  const own = all.filter(({ Name }) => volumes.includes(Name)).map(({ Mountpoint }) => Mountpoint);
  return {
    volumes: new Set(volumes),
    trees: await Promise.all([directory, ...binds, ...own].map(realOf)),
    bound: boundPaths(all),
  };
}

interface Own {
  /** Ids of containers that carry the project's labels and its directory. */
  containers: Set<string>;
  /** The stack's managers by their ids: what each keeps the files in is no use of the stack's data. */
  managers: Map<string, ContainerView>;
}

async function ownOf(context: MapContext, { project, directory }: MigratedData, all: ContainerSummary[]): Promise<Own> {
  const pathsOf = projectPaths(context);
  const ofProject = all.filter(({ Labels }) => Labels[composeLabels.project] === project);
  const found = await Promise.all(ofProject.map(async ({ Id, Labels }) => ({ Id, ...(await pathsOf(Labels)) })));
  const own = found.filter((one) => one.directory === directory);
  return {
    containers: new Set(own.map(({ Id }) => Id)),
    managers: new Map(own.flatMap(({ managers }) => managers.map((manager) => [manager.id, manager] as const))),
  };
}

async function userOf(
  container: ContainerSummary,
  { directory }: MigratedData,
  paths: DataPaths,
  own: Own,
): Promise<DataMounter | null> {
  const ofStack = own.containers.has(container.Id);
  const kept = own.managers.get(container.Id)?.map.from;
  const mounts = container.Mounts.filter(({ Destination }) => kept === undefined || Destination !== kept);
  const uses = (await Promise.all(mounts.map((mount) => useOf(mount, paths)))).filter((use) => use !== null);
  const [use] = uses.sort((a, b) => Number(a.above) - Number(b.above));
  if (use) return { container, ofStack, ...use };
  return ofStack ? { container, ofStack, uses: directory, above: false } : null;
}

/**
 * A read-only bind mount can't change the data; a read-only volume still counts, because its reader would miss it after
 * a move.
 */
async function useOf(
  { Type, Name, Source, RW }: ContainerSummary['Mounts'][number],
  { volumes, trees, bound }: DataPaths,
): Promise<{ uses: string; above: boolean } | null> {
  if (Type === 'volume' && Name && volumes.has(Name)) return { uses: Name, above: false };
  const source = hostPathOf({ Type, Name, Source }, bound);
  if (!source || RW === false) return null;
  const path = await realOf(source);
  if (trees.some((tree) => isInside(tree, path))) return { uses: source, above: false };
  return trees.some((tree) => isInside(path, tree)) ? { uses: source, above: true } : null;
}
