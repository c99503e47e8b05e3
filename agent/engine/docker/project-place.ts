import { isAbsolute, join, resolve } from 'node:path';
import { realOf } from '../../real-path.ts';
import type { DockerContext } from './context.ts';
import { refusesProject } from './protected-paths.ts';

/** Compose's own rule; a dot or a slash could lead out of `stacksDir`. */
const projectName = /^[a-z0-9_-]+$/;

/** Where a project's directory goes on this host. */
export const projectPlace = ({ stacksDir }: Pick<DockerContext, 'stacksDir'>, project: string, sourceDir: string) =>
  stacksDir ? join(stacksDir, project) : sourceDir;

/**
 * Why this host does not take a project directory at that place, with what to do about it; null where it does. The path
 * is the source's word, and a file in /etc/systemd/system or ~/.ssh makes its writer root.
 */
export async function placeRefusal(
  context: Pick<DockerContext, 'stacksDir' | 'ownPaths'>,
  project: string,
  directory: string,
): Promise<string | null> {
  if (!projectName.test(project)) return `"${project}" is no name of a Compose project.`;
  if (context.stacksDir !== null)
    return directory === join(context.stacksDir, project)
      ? null
      : `it takes project directories in ${context.stacksDir} only.`;
  if (!isAbsolute(directory) || resolve(directory) !== directory) return 'it is not a plain absolute path.';
  const reached = refusesProject(await realOf(directory), await context.ownPaths());
  return reached === null
    ? null
    : `what lies in ${reached} can make its writer root here. Start the agent with --stacks-dir to take stacks elsewhere.`;
}
