import { resolve } from 'node:path';
import { isInside } from '../../../compose/project.ts';
import { mapFlag, type PathMap } from '../../../path-map.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerContext } from '../context.ts';
import { seesHostPath, unseenAdvice } from '../facts/own-container.ts';
import { composeLabels, type LabelledFiles, labelledFiles } from '../labels.ts';
import { once } from '../once.ts';
import { ownPaths, refusesNew } from '../policy/protected-paths.ts';
import { listContainers } from '../stack/containers.ts';
import { isPlain, listVolumes } from '../stack/volumes.ts';
import { type ContainerView, viewsOf } from './container-views.ts';
import { areThere, exists, type MappedFiles, throughMap } from './through-map.ts';

/** What is needed to find stacks' files. */
export type MapContext = Pick<DockerContext, 'api' | 'own' | 'pathMaps' | 'stateDir' | 'socketPath'>;

/** Where a stack's files are on this host. */
export interface ProjectPaths extends MappedFiles {
  /** The directory as the labels name it. */
  labelled: string;
  /**
   * Containers outside the stack that have its directory where the labels say, while this host has it elsewhere: they
   * ran Compose there, and keep its files.
   */
  managers: ContainerView[];
}

export type PathsOf = (labels: Record<string, string>) => Promise<ProjectPaths>;

/**
 * Turns Compose's labels into paths of this host; the only place that does. They are true here as they stand, or where
 * Compose ran in a container that keeps the files: then by the operator's maps, else by the one mount that explains them.
 * Looks at the engine's containers once, so what it returns serves one reading.
 */
export function projectPaths(context: MapContext): PathsOf {
  const known = new Map<string, Promise<ProjectPaths>>();
  const engine = once(() => readMounts(context));
  return (labels) => {
    const raw = labelledFiles(labels);
    const labelled = raw.directory === '' ? raw : { ...raw, directory: resolve('/', raw.directory) };
    const project = labels[composeLabels.project] ?? '';
    const key = JSON.stringify([project, labelled]);
    const found = known.get(key) ?? locate(context, engine, labelled, project);
    known.set(key, found);
    return found;
  };
}

type Engine = Awaited<ReturnType<typeof readMounts>>;

async function readMounts({ api, own, stateDir, socketPath }: MapContext) {
  const [containers, volumes] = await Promise.all([listContainers(api), listVolumes(api)]);
  const contents = once(() => Promise.all(volumes.filter(isPlain).map(({ Mountpoint }) => realOf(Mountpoint))));
  const reserved = once(() => ownPaths(api, { stateDir, socketPath, stacksDir: null }));
  return {
    views: (directory: string, project: string) => viewsOf({ containers, volumes, ownId: own?.id }, directory, project),
    /** A volume's contents are the engine's, but hold what its container wrote. */
    refusal: async (directory: string) => {
      if ((await contents()).some((volume) => isInside(volume, directory))) return null;
      const reached = refusesNew(directory, await reserved());
      return reached === null ? null : `The labels lead to ${directory}, and ${reached} belongs to this host`;
    },
  };
}

async function locate(
  { own, pathMaps }: MapContext,
  engine: () => Promise<Engine>,
  labelled: LabelledFiles,
  project: string,
): Promise<ProjectPaths> {
  const here: ProjectPaths = { ...labelled, labelled: labelled.directory, managers: [], fault: null };
  const isFault = (fault: string): ProjectPaths => ({ ...here, fault });
  if (!labelled.directory.startsWith('/')) return here;
  const isHere = await areThere(labelled);
  const given = nearestMap(pathMaps, labelled.directory);
  if (isHere && !given) return here;
  const { views, refusal } = await engine();
  const seen = views(labelled.directory, project);
  if (given) {
    const mapped = await throughMap(given, labelled, refusal);
    if (!mapped)
      return isHere
        ? here
        : isFault(`Its files are neither at ${labelled.directory} nor where ${mapFlag(given)} leads`);
    if (isHere && (await realOf(labelled.directory)) === mapped.directory) return here;
    if (isHere)
      return isFault(
        `Its files are at ${labelled.directory} and, by ${mapFlag(given)}, at ${mapped.directory}: map the directory of the manager's stacks alone`,
      );
    // With a fault the stack has no directory here: what is not listed does not leave this host.
    if (mapped.fault !== null) return isFault(mapped.fault);
    return { ...here, ...mapped, managers: await managersAt(mapped.directory, labelled, seen) };
  }
  const candidates = await candidatesOf(seen, labelled, refusal);
  const [first, ...others] = candidates;
  if (!first) return here;
  const said = candidates.map(({ view }) => `${mapFlag(view.map)} (container ${view.name})`).slice(0, shownMax);
  if (!seesHostPath(own, labelled.directory))
    return isFault(`${unseenAdvice(labelled.directory)}; or, if a manager keeps its files, with ${said.join(' or ')}`);
  // The Engine makes it for a bind mount by a relative path, which Compose in a container resolves there.
  if (await exists(labelled.directory))
    return isFault(
      `Its Compose file is not in ${labelled.directory} of this host, but a container has it there: start the agent with ${said.join(' or ')}`,
    );
  if (others.length > 0)
    return isFault(
      `Several directories could be ${labelled.directory}, which this host does not have: start the agent with ${said.join(' or ')}`,
    );
  if (first.files.fault !== null) return isFault(first.files.fault);
  return { ...here, ...first.files, managers: await managersAt(first.files.directory, labelled, seen) };
}

/** Of several candidates, so many are named. */
const shownMax = 4;

const nearestMap = (maps: PathMap[], directory: string): PathMap | undefined =>
  maps.filter(({ from }) => isInside(from, directory)).sort((one, other) => other.from.length - one.from.length)[0];

/** The directories that containers see there with the stack's files in them, each once. */
async function candidatesOf(seen: ContainerView[], labelled: LabelledFiles, refusal: Engine['refusal']) {
  if (labelled.configFiles.length === 0) return [];
  const found = new Map<string, { view: ContainerView; files: MappedFiles }>();
  for (const view of seen) {
    const files = await throughMap(view.map, labelled, refusal);
    if (files && !found.has(files.directory)) found.set(files.directory, { view, files });
  }
  return [...found.values()];
}

async function managersAt(directory: string, labelled: LabelledFiles, seen: ContainerView[]): Promise<ContainerView[]> {
  const places = await Promise.all(
    seen.map(async ({ map }) => realOf(`${await realOf(map.to)}${labelled.directory.slice(map.from.length)}`)),
  );
  return seen.filter((_, at) => places[at] === directory);
}
