import { StackferryError } from '../../../../schema/errors.ts';
import type { StackFacts } from '../../../../schema/facts.ts';
import type { ComposeProject } from '../../../compose/arguments.ts';
import { isInside } from '../../../compose/project.ts';
import type { PathsOf, ProjectPaths } from '../path-maps/project-paths.ts';
import type { Container } from '../stack/containers.ts';

/** What a project's containers were made from, by Compose's labels on them. */
export interface ProjectOrigin {
  project: ComposeProject;
  /** Names of containers that keep its files. */
  managers: string[];
  /** Why its files can't be read, null if nothing speaks against it. */
  fault: string | null;
  otherFiles: StackFacts['other_files'];
}

/** Throws `stack_not_found`. */
export async function projectOrigin(name: string, containers: Container[], pathsOf: PathsOf): Promise<ProjectOrigin> {
  const made = await Promise.all(
    containers.map(async (container) => ({ container, paths: await pathsOf(container.Config.Labels) })),
  );
  // Containers of one project may come from several runs of Compose with different files: the majority decides.
  const [most] = [...Map.groupBy(made, ({ paths }) => keyOf(paths)).values()].sort((a, b) => b.length - a.length);
  const origin = most?.[0]?.paths;
  if (!origin) throw new StackferryError('stack_not_found', `No container of a project named "${name}" is here.`);
  const directory = origin.directory || '/';
  const isOther = ({ paths }: { paths: ProjectPaths }) =>
    (paths.directory || '/') !== directory || paths.configFiles.join() !== origin.configFiles.join();
  return {
    project: {
      project: name,
      directory,
      configFiles: origin.configFiles,
      envFiles: origin.envFiles,
      environment: { PWD: directory },
    },
    managers: origin.managers.map((manager) => manager.name),
    fault: origin.fault ?? strayFault(origin, containers),
    otherFiles: made
      .filter(isOther)
      .map(({ container, paths }) => ({ container: container.Name.slice(1), files: paths.configFiles })),
  };
}

/** In the manager's container a relative bind mount becomes a path of its own, which the Engine makes on the host. */
function strayFault({ directory, labelled }: ProjectPaths, containers: Container[]): string | null {
  if (directory === labelled) return null;
  const mounts = containers.flatMap(({ Mounts }) => Mounts);
  const stray = mounts.find(({ Type, Source }) => Type === 'bind' && isInside(labelled, Source));
  return stray
    ? `The data in ${stray.Source} is not in ${directory}, where a relative bind mount has to be: Compose ran in the manager’s container, where that directory is ${labelled}. Use a volume or an absolute path for it`
    : null;
}

const keyOf = ({ directory, configFiles, envFiles }: ProjectPaths) =>
  JSON.stringify([directory, configFiles, envFiles]);
