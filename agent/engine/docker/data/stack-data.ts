import { eachOf } from '../../../../schema/each-of.ts';
import type { StackFacts } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import type { DockerApi } from '../api.ts';
import type { Carried, HelperPlace } from '../helper.ts';
import { nameOf } from '../helper.ts';
import { composeLabels } from '../labels.ts';
import { isPlain, type Volume } from '../volumes.ts';
import { dataMounters, nameOfContainer } from './data-users.ts';
import { surveyTrees } from './survey.ts';
import type { TreeSurvey } from './survey-script.ts';

/** What a pre-flight finds where a stack's data lies. */
export interface StackData {
  /** Bytes of a volume's contents; null where that could not be told. */
  sizeOf(volume: string): number | null;
  projectBytes: number | null;
  facts: NonNullable<StackFacts['data']>;
}

/**
 * Looks at the volumes and the project directory of a running stack, and at who else uses them. Of volumes that are no
 * directories of this host's disk only the users are looked at: they are not moved.
 */
export async function stackData(
  place: HelperPlace,
  places: { project: string; directory: string; volumes: Volume[]; anonymous: Volume[] },
  own: string[],
  signal: AbortSignal,
): Promise<StackData> {
  const volumes = [...places.volumes, ...places.anonymous].filter(isPlain).map(({ Name }) => ({ volume: Name }));
  const directory = { directory: places.directory };
  const unseen: StackData['facts']['unseen'] = [];
  const found = new Map<string, TreeSurvey>();
  const look = async (trees: Carried[]) => {
    const options = { migrationId: '', signal, secondsMax: limits.agent.surveySecondsMax };
    const surveys = await surveyTrees(place, trees, options).catch((error: Error) => error);
    for (const [i, tree] of trees.entries()) {
      if (surveys instanceof Error) unseen.push({ tree: nameOf(tree), why: surveys.message });
      else found.set(nameOf(tree), surveys[i]!);
    }
  };
  const names = places.volumes.map(({ Name }) => Name);
  const [writers] = await Promise.all([
    writersOf(place.api, { ...places, volumes: names }, own),
    eachOf([[directory], ...groupsOf(volumes)], limits.agent.lanesAtOnceMax, look),
  ]);
  const moved = [directory, ...volumes.filter(({ volume }) => names.includes(volume))];
  return {
    sizeOf: (volume) => found.get(nameOf({ volume }))?.size?.bytes ?? null,
    projectBytes: found.get(nameOf(directory))?.size?.bytes ?? null,
    facts: {
      nested_mounts: moved.flatMap((tree) =>
        (found.get(nameOf(tree))?.nested ?? []).map((nested) => ({ tree: nameOf(tree), ...nested })),
      ),
      immutable: moved.flatMap((tree) =>
        (found.get(nameOf(tree))?.immutable ?? []).map((path) => ({ tree: nameOf(tree), path })),
      ),
      unseen,
      writers,
    },
  };
}

/** One helper looks at that many: each takes some processes. */
function groupsOf(trees: Carried[]): Carried[][] {
  const size = limits.agent.surveyTreesMax;
  return Array.from({ length: Math.ceil(trees.length / size) }, (_, i) => trees.slice(i * size, (i + 1) * size));
}

/** Containers that run beside the stack's own and can write what moves. */
async function writersOf(
  api: DockerApi,
  places: { project: string; directory: string; volumes: string[] },
  own: string[],
): Promise<StackData['facts']['writers']> {
  const users = await dataMounters(api, places);
  return users
    .filter(
      ({ container }) => !own.includes(container.Id) && ['running', 'paused', 'restarting'].includes(container.State),
    )
    .map(({ container, uses, above }) => ({
      container: nameOfContainer(container),
      uses,
      above,
      one_off:
        container.Labels[composeLabels.oneOff] === 'True' && container.Labels[composeLabels.project] === places.project,
    }));
}
