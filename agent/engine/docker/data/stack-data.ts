import type { LeftOut, StackFacts } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import type { MigratedData, Tree } from '../../tree.ts';
import type { DockerContext } from '../context.ts';
import { type HelperRuntime, nameOf } from '../helper/helper.ts';
import { createSlots } from '../helper/slots.ts';
import { composeLabels } from '../labels.ts';
import type { MapContext } from '../path-maps/project-paths.ts';
import { findVolumes, isPlain, type Volume } from '../stack/volumes.ts';
import { dataMounters } from './data-users.ts';
import { nameOfContainer } from './mount-sources.ts';
import { type SurveyedTree, surveyTrees } from './survey.ts';

export type Surveys = ReturnType<typeof createSurveys>;

/** Surveys of trees of a running stack, each begun once: most are known before it is known whether there are more. */
export function createSurveys(place: HelperRuntime, signal: AbortSignal) {
  const begun = new Map<string, Promise<SurveyedTree | Error>>();
  const survey = async (trees: Tree[], secondsMax: number): Promise<(SurveyedTree | Error)[]> => {
    try {
      return await surveyTrees(place, trees, { migrationId: '', signal, secondsMax });
    } catch (error) {
      if (trees.length === 1) return [error as Error];
      // One that can't be mounted or read must not hide the others.
      return (await Promise.all(trees.map((tree) => survey([tree], secondsMax)))).flat();
    }
  };
  return {
    /** One helper for each group, so many at a time. */
    begin(groups: Tree[][], atOnceMax: number, secondsMax: number = limits.agent.surveySecondsMax): void {
      const slots = createSlots(atOnceMax);
      for (const group of groups) {
        const trees = group.filter((tree) => !begun.has(nameOf(tree)));
        if (trees.length === 0) continue;
        const surveyed = slots.take(signal).then(
          (free) => survey(trees, secondsMax).finally(free),
          (error: Error) => trees.map(() => error),
        );
        for (const [i, tree] of trees.entries())
          begun.set(
            nameOf(tree),
            surveyed.then((all) => all[i]!),
          );
      }
    },
    of: (tree: Tree) => begun.get(nameOf(tree)),
  };
}

/** Begins with what is surveyed in any case, a stack's directory and what its containers mount. */
export async function beginSurveys(
  { api, place }: Pick<DockerContext, 'api' | 'place'>,
  { directory, mounted, exclude }: { directory: string; mounted: string[]; exclude: string[] },
  signal: AbortSignal,
): Promise<Surveys> {
  const surveys = createSurveys(place, signal);
  const volumes = await findVolumes(api, [...new Set(mounted)]);
  surveys.begin(groupsOf({ directory, exclude }, volumes), limits.agent.lanesAtOnceMax);
  return surveys;
}

/** A pre-flight's findings about a stack's data. */
export interface StackData {
  /** Bytes of a volume's contents; null if unknown. */
  sizeOf(volume: string): number | null;
  projectBytes: number | null;
  /** Bytes of a bind mount's directory; null if unknown. */
  sizeOfBind(path: string): number | null;
  /** What is left out of a directory. */
  leftOutOf(directory: string): LeftOut[];
  facts: NonNullable<StackFacts['data']>;
}

/**
 * Surveys the volumes, the project directory and the bind mounts' directories of a running stack, and finds other
 * containers that use the first two. Volumes that are not plain directories on this host's disk are not moved: only
 * their users are checked.
 */
export async function stackData(
  context: MapContext,
  data: {
    project: string;
    directory: string;
    volumes: Volume[];
    external: Volume[];
    binds: string[];
    exclude: string[];
    surveys: Surveys;
  },
  own: string[],
): Promise<StackData> {
  const { exclude, surveys } = data;
  const directory = { directory: data.directory, exclude };
  const binds = data.binds.map((path) => ({ directory: path, exclude }));
  const groups = groupsOf(directory, [...data.volumes, ...data.external]);
  surveys.begin(groups, limits.agent.lanesAtOnceMax);
  // One helper each: a bind mount may lead to a file system that does not answer.
  surveys.begin(
    binds.map((tree) => [tree]),
    bindsAtOnceMax,
    secondsOf(binds.length),
  );
  const unseen: StackData['facts']['unseen'] = [];
  const found = new Map<string, SurveyedTree>();
  const moved = [...groups.flat(), ...binds];
  const names = data.volumes.map(({ Name }) => Name);
  const [writers] = await Promise.all([
    writersOf(context, { ...data, volumes: names, binds: [] }, own),
    ...moved.map(async (tree) => {
      const survey = await surveys.of(tree);
      if (survey instanceof Error) unseen.push({ tree: nameOf(tree), why: survey.message });
      else if (survey) found.set(nameOf(tree), survey);
    }),
  ]);
  return {
    sizeOf: (volume) => found.get(nameOf({ volume }))?.size?.bytes ?? null,
    sizeOfBind: (path) => found.get(path)?.size?.bytes ?? null,
    leftOutOf: (path) => found.get(path)?.left ?? [],
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

/** Bind mounts may be many and large; the time of the request is shared by all of them. */
const { bindsAtOnceMax, surveySecondsMax } = limits.agent;
const secondsOf = (count: number) => Math.max(1, Math.floor(surveySecondsMax / Math.ceil(count / bindsAtOnceMax)));

/**
 * The directory and the plain volumes, grouped for one helper each: every tree takes some processes. A helper leaves the
 * same out of all its trees, so a directory of which something is left out has its own.
 */
function groupsOf(directory: { directory: string; exclude: string[] }, found: Volume[]): Tree[][] {
  const volumes = found.filter(isPlain).map(({ Name }) => ({ volume: Name }));
  const own: Tree[][] = directory.exclude.length > 0 ? [[directory]] : [];
  const trees: Tree[] = own.length > 0 ? volumes : [directory, ...volumes];
  const size = limits.agent.surveyTreesMax;
  const groups = Array.from({ length: Math.ceil(trees.length / size) }, (_, i) =>
    trees.slice(i * size, (i + 1) * size),
  );
  return [...own, ...groups];
}

/** Running containers outside the stack that can write to its data. */
async function writersOf(
  context: MapContext,
  data: MigratedData,
  own: string[],
): Promise<StackData['facts']['writers']> {
  const users = await dataMounters(context, data);
  return users
    .filter(
      ({ container }) => !own.includes(container.Id) && ['running', 'paused', 'restarting'].includes(container.State),
    )
    .map(({ container, uses, above }) => ({
      container: nameOfContainer(container),
      uses,
      above,
      one_off:
        container.Labels[composeLabels.oneOff] === 'True' && container.Labels[composeLabels.project] === data.project,
    }));
}
