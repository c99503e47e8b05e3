import { eachOf } from '../../../../schema/each-of.ts';
import type { LeftOut, StackFacts } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import type { MigratedData, Tree } from '../../tree.ts';
import type { DockerContext } from '../context.ts';
import { nameOf } from '../helper/helper.ts';
import { composeLabels } from '../labels.ts';
import type { MapContext } from '../path-maps/project-paths.ts';
import { isPlain, type Volume } from '../stack/volumes.ts';
import { dataMounters } from './data-users.ts';
import { nameOfContainer } from './mount-sources.ts';
import { type SurveyedTree, surveyTrees } from './survey.ts';

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
  context: MapContext & Pick<DockerContext, 'place'>,
  data: {
    project: string;
    directory: string;
    volumes: Volume[];
    external: Volume[];
    binds: string[];
    exclude: string[];
  },
  own: string[],
  signal: AbortSignal,
): Promise<StackData> {
  const volumes = [...data.volumes, ...data.external].filter(isPlain).map(({ Name }) => ({ volume: Name }));
  const { exclude } = data;
  const directory = { directory: data.directory, exclude };
  const binds = data.binds.map((path) => ({ directory: path, exclude }));
  const unseen: StackData['facts']['unseen'] = [];
  const found = new Map<string, SurveyedTree>();
  const look = async (trees: Tree[], secondsMax: number = limits.agent.surveySecondsMax) => {
    const options = { migrationId: '', signal, secondsMax };
    const surveys = await surveyTrees(context.place, trees, options).catch((error: Error) => error);
    for (const [i, tree] of trees.entries()) {
      if (surveys instanceof Error) unseen.push({ tree: nameOf(tree), why: surveys.message });
      else found.set(nameOf(tree), surveys[i]!);
    }
  };
  const names = data.volumes.map(({ Name }) => Name);
  const [writers] = await Promise.all([
    writersOf(context, { ...data, volumes: names, binds: [] }, own),
    eachOf([[directory], ...groupsOf(volumes)], limits.agent.lanesAtOnceMax, (trees) => look(trees)),
    // One helper each: a bind mount may lead to a file system that does not answer.
    eachOf(binds, bindsAtOnceMax, (tree) => look([tree], secondsOf(binds.length))),
  ]);
  const moved = [directory, ...binds, ...volumes];
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

/** Groups trees for one helper each: every tree takes some processes. */
function groupsOf(trees: Tree[]): Tree[][] {
  const size = limits.agent.surveyTreesMax;
  return Array.from({ length: Math.ceil(trees.length / size) }, (_, i) => trees.slice(i * size, (i + 1) * size));
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
