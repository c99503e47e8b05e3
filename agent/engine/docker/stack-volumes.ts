import type { StackFacts, StackVolume } from '../../../schema/facts.ts';
import type { ComposeModel } from '../../compose/model.ts';
import { type Container, listContainers } from './containers.ts';
import type { DockerContext } from './context.ts';
import { composeLabels } from './labels.ts';
import { volumeSizes } from './volume-sizes.ts';
import { findVolumes } from './volumes.ts';

const anonymousName = /^[0-9a-f]{64}$/;

/** The named volumes of a stack: those its containers mount, and those the file names beyond them. */
export async function stackVolumes(
  { api }: DockerContext,
  project: string,
  containers: Container[],
  model: ComposeModel,
): Promise<StackVolume[]> {
  const declared = new Map(
    Object.entries(model.volumes).map(([key, volume]) => [
      volume?.name ?? `${project}_${key}`,
      volume?.external ?? false,
    ]),
  );
  const mounted = containers.flatMap(({ Mounts }) =>
    Mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : [])),
  );
  const names = [...new Set([...mounted.filter((name) => !anonymousName.test(name)), ...declared.keys()])];
  const volumes = await findVolumes(api, names);
  const [all, sizes] = await Promise.all([listContainers(api), volumeSizes(api, volumes)]);
  const own = new Set(containers.map(({ Id }) => Id));
  return volumes.map((volume) => {
    const others = all.filter(
      ({ Id, Mounts }) => !own.has(Id) && Mounts.some(({ Type, Name }) => Type === 'volume' && Name === volume.Name),
    );
    return {
      name: volume.Name,
      driver: volume.Driver,
      options: volume.Options,
      labels: volume.Labels,
      external: declared.get(volume.Name) ?? false,
      size_bytes: sizes.get(volume.Name) ?? null,
      also_used_by: others
        .filter(({ Labels }) => Labels[composeLabels.project] !== project)
        .map(({ Names, Id }) => Names[0]?.slice(1) ?? Id.slice(0, 12)),
    };
  });
}

/** Volumes without a name of their own: they do not move. */
export async function anonymousVolumes(
  { api }: DockerContext,
  containers: Container[],
): Promise<StackFacts['anonymous_volumes']> {
  const mounts = containers.flatMap(({ Mounts, Config }) =>
    Mounts.flatMap(({ Type, Name }) =>
      Type === 'volume' && Name && anonymousName.test(Name)
        ? [{ name: Name, service: Config.Labels[composeLabels.service] ?? '' }]
        : [],
    ),
  );
  const names = mounts.map(({ name }) => name);
  const sizes = await volumeSizes(api, await findVolumes(api, names));
  return mounts.map((mount) => ({ ...mount, size_bytes: sizes.get(mount.name) ?? null }));
}
