import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { leavesOut } from '../../../../schema/exclude-pattern.ts';
import type { Exclusion, StackFacts } from '../../../../schema/facts.ts';
import type { ComposeProject } from '../../../compose/arguments.ts';
import type { FileReferences } from '../../../compose/file-references.ts';
import type { ComposeModel } from '../../../compose/model.ts';
import { isInside } from '../../../compose/project.ts';
import { realOf } from '../../../real-path.ts';
import { filesOf } from '../policy/project-files.ts';

/** Absolute paths that the stack mounts, or reads if they are there (`.env`). */
export const neededPaths = (
  project: ComposeProject,
  references: FileReferences,
  model: ComposeModel,
  binds: StackFacts['bind_mounts'],
): string[] => [
  ...binds.flatMap(({ source, link }) => (link === null ? [source] : [source, link])),
  ...filesOf(project, references, model)
    .map((path) => resolve(project.directory, path))
    .filter((path) => existsSync(path)),
];

/**
 * Finds what the stack mounts or reads among what patterns leave out of a directory: without it the stack would start on
 * empty directories, or not at all. A path may lead into the directory by a link.
 */
export async function neededIn(
  directory: string,
  paths: readonly string[],
  exclude: readonly string[],
): Promise<Exclusion['needed']> {
  if (exclude.length === 0) return [];
  const root = await realOf(directory);
  const named = await Promise.all(
    [...new Set(paths)].map(async (path) => {
      const real = await realOf(path);
      const names = [path, join(directory, relative(root, real))];
      return { path, names: names.filter((name) => isInside(directory, name)) };
    }),
  );
  return exclude.flatMap((pattern) =>
    named.filter(({ names }) => names.some((name) => leavesOut(pattern, name))).map(({ path }) => ({ pattern, path })),
  );
}
