import { isAbsolute, join, resolve } from 'node:path';
import { isInside } from '../../../compose/project.ts';
import type { Arriving } from '../../../permissions/asked.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerContext } from '../context.ts';
import { mountsOfOthers } from '../data/bind-trees.ts';
import { seesHostPath, unseenAdvice } from '../facts/own-container.ts';
import { protectedBy, refusesNew } from './protected-paths.ts';

/**
 * Returns why this host refuses the data of a bind mount at that path, null if it accepts. What the host's own programs
 * read there would make the source's root its own; what another container mounts would get a stranger's files.
 */
export async function bindPlaceRefusal(
  context: Pick<DockerContext, 'api' | 'own' | 'ownPaths' | 'permissions' | 'stacksDir'>,
  stack: Arriving,
  place: string,
): Promise<string | null> {
  if (!isAbsolute(place) || resolve(place) !== place) return 'it is not a plain absolute path.';
  if (!seesHostPath(context.own, place)) return `${unseenAdvice(place)}.`;
  const real = await realOf(place);
  // The policy for bind mounts would refuse the stack otherwise, after its stop.
  const permitted = await context.permissions.of(stack);
  const refuses = permitted.has({ power: 'host_path', detail: real }) ? refusesNew : protectedBy;
  const reached = refuses(real, await context.ownPaths());
  if (reached !== null) return `it reaches ${reached}, which belongs to the host.`;
  // Data with a YAML file in it would be taken for a stack there.
  if (context.stacksDir !== null && isInside(await realOf(context.stacksDir), real))
    return `it lies in ${context.stacksDir}, among the project directories.`;
  const user = (await mountsOfOthers(context, stack.project)).find(({ source }) => isInside(real, source));
  return user ? `container ${user.container} mounts ${user.source}.` : null;
}

/** Compose's own rule; a dot or a slash could lead out of `stacksDir`. */
const projectName = /^[a-z0-9_-]+$/;

/** Path of a project's directory on this host. */
export const projectPlace = ({ stacksDir }: Pick<DockerContext, 'stacksDir'>, project: string, sourceDir: string) =>
  stacksDir ? join(stacksDir, project) : sourceDir;

/**
 * Returns why this host refuses a project directory at that path, with a remedy; null if it accepts. The path comes
 * from the source, and a file in /etc/systemd/system or ~/.ssh makes its writer root.
 */
export async function placeRefusal(
  context: Pick<DockerContext, 'stacksDir' | 'ownPaths' | 'own' | 'pathMaps'>,
  project: string,
  directory: string,
): Promise<string | null> {
  if (!projectName.test(project)) return `"${project}" is not a Compose project name.`;
  // Its containers' labels would lead elsewhere.
  const map = context.pathMaps.find(({ from }) => isInside(from, directory));
  if (map) return `it lies in ${map.from}, which --map-path gives to a manager's container.`;
  if (context.stacksDir !== null)
    return directory === join(context.stacksDir, project)
      ? null
      : `it takes project directories in ${context.stacksDir} only.`;
  if (!isAbsolute(directory) || resolve(directory) !== directory) return 'it is not a plain absolute path.';
  if (!seesHostPath(context.own, directory)) return `${unseenAdvice(directory)}.`;
  const reached = refusesNew(await realOf(directory), await context.ownPaths());
  return reached === null
    ? null
    : `what lies in ${reached} can make its writer root here. Start the agent with --stacks-dir to take stacks elsewhere.`;
}
