import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../../schema/limits.ts';
import type { ComposeProject } from '../../compose/arguments.ts';
import type { FileReferences } from '../../compose/file-references.ts';
import type { ComposeModel } from '../../compose/model.ts';
import { envFilesOf, isInside } from '../../compose/project.ts';
import { realOf } from '../../real-path.ts';

/** Bytes of all files below a directory; null where it can't be read, or holds more entries than are worth counting. */
export async function directorySize(directory: string): Promise<number | null> {
  let total = 0;
  let left: number = limits.agent.projectEntriesMax;
  const walk = async (path: string): Promise<void> => {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (--left < 0) throw new Error('too many entries');
      const at = join(path, entry.name);
      if (entry.isDirectory()) await walk(at);
      else total += (await lstat(at)).size;
    }
  };
  try {
    await walk(directory);
    return total;
  } catch {
    return null;
  }
}

/**
 * Files that Compose reads for this project, or mounts into its containers, that are not in its directory: by what links
 * lead to, since a link is moved as a link. Source and target ask the same question.
 */
export async function filesBeyond(
  project: ComposeProject,
  { models, values }: Pick<FileReferences, 'models' | 'values'>,
  model: ComposeModel,
): Promise<string[]> {
  const root = await realOf(project.directory);
  const mounted = [...Object.values(model.configs), ...Object.values(model.secrets)].flatMap(
    (item) => item?.file ?? [],
  );
  const all = [...project.configFiles, ...envFilesOf(project), ...models, ...values, ...mounted];
  const real = await Promise.all([...new Set(all)].map(async (path) => ({ path, leadsTo: await realOf(path) })));
  return real
    .filter(({ leadsTo }) => !isInside(root, leadsTo))
    .map(({ path, leadsTo }) => (isInside(project.directory, path) ? `${path} (which leads to ${leadsTo})` : path));
}
