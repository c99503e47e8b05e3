import { z } from 'zod';
import type { StackFacts, StackVolume } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import type { ComposeModel } from '../../compose/model.ts';
import { type Container, listContainers } from './containers.ts';
import type { DockerContext } from './context.ts';
import { composeLabels } from './labels.ts';
import { findVolume, volumeAnswer } from './volumes.ts';

const anonymousName = /^[0-9a-f]{64}$/;

/** The named volumes of a stack: those its containers mount, and those the file names beyond them. */
export async function stackVolumes(
  context: DockerContext,
  project: string,
  containers: Container[],
  model: ComposeModel,
): Promise<StackVolume[]> {
  const { api } = context;
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
  const [all, sizes] = await Promise.all([listContainers(api), volumeSizes(context)]);
  const own = new Set(containers.map(({ Id }) => Id));
  const found = await Promise.all(names.map((name) => findVolume(api, name)));
  return found.flatMap((volume) => {
    if (!volume) return [];
    const others = all.filter(
      ({ Id, Mounts }) => !own.has(Id) && Mounts.some(({ Type, Name }) => Type === 'volume' && Name === volume.Name),
    );
    return [
      {
        name: volume.Name,
        driver: volume.Driver,
        options: volume.Options,
        labels: volume.Labels,
        external: declared.get(volume.Name) ?? false,
        size_bytes: sizes.get(volume.Name) ?? null,
        also_used_by: others
          .filter(({ Labels }) => Labels[composeLabels.project] !== project)
          .map(({ Names, Id }) => Names[0]?.slice(1) ?? Id.slice(0, 12)),
      },
    ];
  });
}

/** Volumes without a name of their own: they do not move. */
export async function anonymousVolumes(
  context: DockerContext,
  containers: Container[],
): Promise<StackFacts['anonymous_volumes']> {
  const mounts = containers.flatMap(({ Mounts, Config }) =>
    Mounts.flatMap(({ Type, Name }) =>
      Type === 'volume' && Name && anonymousName.test(Name)
        ? [{ name: Name, service: Config.Labels[composeLabels.service] ?? '' }]
        : [],
    ),
  );
  if (mounts.length === 0) return [];
  const sizes = await volumeSizes(context);
  return mounts.map((mount) => ({ ...mount, size_bytes: sizes.get(mount.name) ?? null }));
}

const usage = z.object({
  Volumes: z
    .array(volumeAnswer.pick({ Name: true }).extend({ UsageData: z.object({ Size: z.number() }).nullish() }))
    .nullish(),
});

/** As the engine measures them. Unknown where it took too long: a size is worth less than an answer in time. */
async function volumeSizes({ api }: DockerContext): Promise<Map<string, number>> {
  try {
    const { Volumes } = await api.get('/system/df?type=volume', usage, { timeoutMs: limits.agent.volumeSizesMsMax });
    const known = (Volumes ?? []).filter(({ UsageData }) => UsageData && UsageData.Size >= 0);
    return new Map(known.map(({ Name, UsageData }) => [Name, UsageData?.Size ?? 0]));
  } catch {
    return new Map();
  }
}
