import type { StackFacts, StackVolume } from '../../../schema/facts.ts';
import type { ComposeModel } from '../../compose/model.ts';
import { type Container, listContainers } from './containers.ts';
import type { DockerContext } from './context.ts';
import { nameOfContainer } from './data/data-users.ts';
import type { StackData } from './data/stack-data.ts';
import { composeLabels, helperLabel } from './labels.ts';
import { findVolumes, type Volume } from './volumes.ts';

const anonymousName = /^[0-9a-f]{64}$/;

/** The volumes of a stack that are here, and which of them are external. */
export interface FoundVolumes {
  named: Volume[];
  anonymous: Volume[];
  external: Set<string>;
}

/** The volumes that a stack's containers mount, and those the file names beyond them. */
export async function findStackVolumes(
  { api }: DockerContext,
  project: string,
  containers: Container[],
  model: ComposeModel,
): Promise<FoundVolumes> {
  const declared = Object.entries(model.volumes).map(([key, volume]) => ({
    name: volume?.name ?? `${project}_${key}`,
    external: volume?.external ?? false,
  }));
  const mounted = containers.flatMap(({ Mounts }) =>
    Mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : [])),
  );
  const names = [...new Set([...mounted, ...declared.map(({ name }) => name)])];
  const volumes = await findVolumes(api, names);
  const isAnonymous = ({ Name }: Volume) => anonymousName.test(Name) && !declared.some(({ name }) => name === Name);
  return {
    named: volumes.filter((volume) => !isAnonymous(volume)),
    anonymous: volumes.filter(isAnonymous),
    external: new Set(declared.filter(({ external }) => external).map(({ name }) => name)),
  };
}

export async function stackVolumes(
  { api }: DockerContext,
  project: string,
  containers: Container[],
  { named, external }: FoundVolumes,
  { sizeOf }: StackData,
): Promise<StackVolume[]> {
  const own = new Set(containers.map(({ Id }) => Id));
  const others = (await listContainers(api)).filter(
    ({ Id, Labels }) => !own.has(Id) && Labels[composeLabels.project] !== project && !(helperLabel in Labels),
  );
  return named.map((volume) => ({
    name: volume.Name,
    driver: volume.Driver,
    options: volume.Options,
    labels: volume.Labels,
    external: external.has(volume.Name),
    size_bytes: sizeOf(volume.Name),
    also_used_by: others
      .filter(({ Mounts }) => Mounts.some(({ Type, Name }) => Type === 'volume' && Name === volume.Name))
      .map(nameOfContainer),
  }));
}

/** Volumes without a name of their own: they do not move. */
export function anonymousVolumes(
  containers: Container[],
  { anonymous }: FoundVolumes,
  { sizeOf }: StackData,
): StackFacts['anonymous_volumes'] {
  return containers.flatMap(({ Mounts, Config }) =>
    Mounts.flatMap(({ Type, Name }) =>
      Type === 'volume' && anonymous.some((volume) => volume.Name === Name)
        ? [{ name: Name!, service: Config.Labels[composeLabels.service] ?? '', size_bytes: sizeOf(Name!) }]
        : [],
    ),
  );
}
