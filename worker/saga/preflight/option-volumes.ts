import type { StackFacts, StackVolume } from '../../../schema/facts.ts';
import { hasMountOptions, optionMountOf } from '../../../schema/option-mounts.ts';
import type { SagaPlan } from '../../../schema/saga.ts';
import { absentBinds } from './absent-binds.ts';
import { placeOf } from './chosen-binds.ts';
import type { Fit } from './fit.ts';
import { list } from './verdicts.ts';

/** Volumes of the stack that are a tmpfs or a bind mount by their options: they have no data of their own. */
export const optionVolumes = ({ volumes, bind_mounts }: StackFacts): StackVolume[] =>
  volumes.filter((volume) => {
    if (volume.external) return false;
    const kind = optionMountOf(volume)?.kind;
    // An older agent does not report the mount.
    return kind === 'tmpfs' || (kind === 'bind' && bind_mounts.some((bind) => bind.volume?.name === volume.name));
  });

/** As they are to be made on the target, where their paths may be others. */
export function madeVolumes(stack: StackFacts, project_path: string, binds: SagaPlan['binds']): StackVolume[] {
  return optionVolumes(stack).map((volume) => {
    const bind = stack.bind_mounts.find((one) => one.volume?.name === volume.name);
    const device = bind && deviceOn(bind, stack.working_dir, project_path, binds);
    return device ? { ...volume, options: { ...volume.options, device } } : volume;
  });
}

/** The path on the target that such a volume binds. */
export function deviceOn(
  { source, inside_project }: StackFacts['bind_mounts'][number],
  working_dir: string,
  project_path: string,
  binds: SagaPlan['binds'],
): string {
  if (!inside_project) return placeOf(binds, source) ?? source;
  return source.startsWith(`${working_dir}/`) ? project_path + source.slice(working_dir.length) : source;
}

export const tmpfsNotes = (stack: StackFacts): string[] =>
  optionVolumes(stack)
    .filter((volume) => optionMountOf(volume)?.kind === 'tmpfs')
    .map(({ name }) => `Volume ${name} is a tmpfs by its options: it is made empty on the target.`);

/** Volumes by options that can't move, or can't be made on the target. */
export function optionProblems({ stack, target, binds }: Fit): string[] {
  const made = optionVolumes(stack);
  const others = stack.volumes.filter((volume) => !volume.external && !made.includes(volume));
  const absent = absentBinds({ stack, target, binds }).filter(({ volume }) => volume !== null);
  return [
    ...others.flatMap((volume) => unmovable(volume)),
    ...absent.map(
      ({ volume, source }) =>
        `volume ${volume?.name} binds ${source}, which is absent on the target: nothing would start on it (to move it: "binds": ["${source}"])`,
    ),
    ...(made.length > 0 && !target.option_volumes
      ? [
          `volumes with options (${list(made.map(({ name }) => name))}) can’t be made by the agent of the target: update it`,
        ]
      : []),
  ];
}

function unmovable(volume: StackVolume): string[] {
  const { name, options } = volume;
  if (optionMountOf(volume)?.kind === 'network')
    return [
      `volume ${name} is on a network file system (${options.device ?? options.o}), whose data does not move: create a volume of that name and these options on the target, and declare it as external in the file`,
    ];
  return hasMountOptions(options)
    ? [`volume ${name} is a mount of its own (options ${Object.keys(options).join(', ')})`]
    : [];
}
