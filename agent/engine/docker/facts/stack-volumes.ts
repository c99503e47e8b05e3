import type { StackFacts, StackVolume } from '../../../../schema/facts.ts';
import { boundDevice } from '../../../../schema/option-mounts.ts';
import { type ComposeModel, engineName } from '../../../compose/model.ts';
import type { DockerContext } from '../context.ts';
import { nameOfContainer } from '../data/mount-sources.ts';
import type { StackData } from '../data/stack-data.ts';
import { composeLabels, helperLabel } from '../labels.ts';
import { type Container, listContainers, numberOf, serviceOf } from '../stack/containers.ts';
import { findVolumes, isAnonymousName, type Volume } from '../stack/volumes.ts';

/** A stack's existing volumes, and which of them are external. */
export interface FoundVolumes {
  named: Volume[];
  anonymous: Volume[];
  external: Set<string>;
  /** Volume → the path that its options bind, as the file says too, and its key there. */
  bound: Map<string, { device: string; key: string }>;
  /** Names of others' volumes that containers mount but the file no longer names: they stay. */
  dropped: string[];
}

export const mountedBy = (users: Container[]): string[] =>
  users.flatMap(({ Mounts }) => Mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : [])));

/** Finds the volumes that a stack's containers mount or that its file names. `drifted`: services that are not as in the file. */
export async function findStackVolumes(
  { api }: DockerContext,
  project: string,
  containers: Container[],
  model: ComposeModel,
  drifted: ReadonlySet<string>,
): Promise<FoundVolumes> {
  const declared = Object.entries(model.volumes).map(([key, volume]) => ({
    key,
    name: engineName(project, key, volume),
    external: volume?.external ?? false,
    device: boundDevice({ driver: volume?.driver, options: volume?.driver_opts ?? {} }),
  }));
  const mounted = mountedBy(containers);
  const kept = new Set([
    ...declared.map(({ name }) => name),
    ...mountedBy(containers.filter((container) => !drifted.has(serviceOf(container)))),
  ]);
  const names = [...new Set([...mounted, ...declared.map(({ name }) => name)])];
  const volumes = await findVolumes(api, names);
  const isAnonymous = ({ Name }: Volume) => isAnonymousName(Name) && !declared.some(({ name }) => name === Name);
  const isOwn = ({ Name, Labels }: Volume) => kept.has(Name) || Labels[composeLabels.project] === project;
  const named = volumes.filter((volume) => !isAnonymous(volume));
  return {
    named: named.filter(isOwn),
    dropped: named.filter((volume) => !isOwn(volume)).map(({ Name }) => Name),
    anonymous: volumes.filter(isAnonymous),
    bound: new Map(
      declared.flatMap(({ key, name, external, device }) => {
        const found = volumes.find(({ Name }) => Name === name);
        const isSo = found && boundDevice({ driver: found.Driver, options: found.Options }) === device;
        return isSo && device !== null && !external ? [[name, { device, key }] as const] : [];
      }),
    ),
    external: new Set(declared.filter(({ external }) => external).map(({ name }) => name)),
  };
}

/** Names the containers outside the stack that mount a volume. */
export type OthersUsing = (volume: string) => string[];

export async function othersUsing(
  { api }: DockerContext,
  project: string,
  containers: Container[],
): Promise<OthersUsing> {
  const own = new Set(containers.map(({ Id }) => Id));
  const others = (await listContainers(api)).filter(
    ({ Id, Labels }) => !own.has(Id) && Labels[composeLabels.project] !== project && !(helperLabel in Labels),
  );
  return (volume) =>
    others
      .filter(({ Mounts }) => Mounts.some(({ Type, Name }) => Type === 'volume' && Name === volume))
      .map(nameOfContainer);
}

export function stackVolumes(
  { named, external }: Pick<FoundVolumes, 'named' | 'external'>,
  { sizeOf }: StackData,
  usersOf: OthersUsing,
): StackVolume[] {
  return named.map((volume) => ({
    name: volume.Name,
    driver: volume.Driver,
    options: volume.Options,
    labels: volume.Labels,
    external: external.has(volume.Name),
    size_bytes: sizeOf(volume.Name),
    also_used_by: usersOf(volume.Name),
  }));
}

/** One entry for each mount of one. */
export function anonymousVolumes(
  containers: Container[],
  { anonymous }: FoundVolumes,
  data: StackData,
  usersOf: OthersUsing,
): StackFacts['anonymous_volumes'] {
  const volumes = stackVolumes({ named: anonymous, external: new Set() }, data, usersOf);
  return containers.flatMap(({ Mounts, Config }) =>
    Mounts.flatMap(({ Type, Name, Destination: target }) => {
      const volume = Type === 'volume' ? volumes.find(({ name }) => name === Name) : undefined;
      if (!volume) return [];
      const { name, size_bytes } = volume;
      const move = { volume, number: numberOf({ Config }), target };
      return [{ name, service: serviceOf({ Config }), size_bytes, move }];
    }),
  );
}
