import { readlink } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { ComposeProject } from '../../../compose/arguments.ts';
import type { FileReferences } from '../../../compose/file-references.ts';
import type { ComposeModel } from '../../../compose/model.ts';
import { envFilesOf, isInside } from '../../../compose/project.ts';
import { realOf } from '../../../real-path.ts';

/**
 * Files outside the project directory that Compose reads or mounts, by their real paths, since a link moves as a link.
 * Source and target use the same check.
 */
export async function filesBeyond(
  project: ComposeProject,
  { models, values }: Pick<FileReferences, 'models' | 'values'>,
  model: ComposeModel,
): Promise<string[]> {
  const root = await realOf(project.directory);
  const all = filesOf(project, { models, values }, model);
  const real = await Promise.all([...new Set(all)].map(async (path) => ({ path, leadsTo: await realOf(path) })));
  return real
    .filter(({ leadsTo }) => !isInside(root, leadsTo))
    .map(({ path, leadsTo }) => (isInside(project.directory, path) ? `${path} (which leads to ${leadsTo})` : path));
}

/**
 * Absolute symlinks to those files and to `mounted`: they reach the moved files only if the directory keeps its path.
 */
export async function absoluteLinks(
  project: ComposeProject,
  references: Pick<FileReferences, 'models' | 'values'>,
  model: ComposeModel,
  mounted: string[],
): Promise<string[]> {
  const { directory } = project;
  const root = await realOf(directory);
  const named = [...filesOf(project, references, model), ...mounted].map((path) => resolve(directory, path));
  const links = await Promise.all(
    named.map(async (path) => (isInside(root, await realOf(path)) ? absoluteLinkTo(directory, path) : null)),
  );
  return [...new Set(links.filter((link) => link !== null))];
}

/** The first absolute symlink on the path from the directory to the file. */
async function absoluteLinkTo(directory: string, file: string): Promise<string | null> {
  let at = directory;
  for (const name of relative(directory, file).split(sep)) {
    at = join(at, name);
    if (isAbsolute(await readlink(at).catch(() => ''))) return at;
  }
  return null;
}

/** Files that Compose reads or mounts; some by paths relative to the project directory. */
export function filesOf(
  project: ComposeProject,
  { models, values }: Pick<FileReferences, 'models' | 'values'>,
  { configs, secrets }: ComposeModel,
): string[] {
  const mounted = [...Object.values(configs), ...Object.values(secrets)].flatMap((item) => item?.file ?? []);
  return [...project.configFiles, ...envFilesOf(project), ...models, ...values, ...mounted];
}
