import { lstat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { envFilesOf, isInside } from '../../../compose/project.ts';
import type { PathMap } from '../../../path-map.ts';
import { realOf } from '../../../real-path.ts';
import type { LabelledFiles } from '../labels.ts';

/** A stack's files by a map. */
export interface MappedFiles extends LabelledFiles {
  /** Why they must not be read, null if they may. */
  fault: string | null;
}

/**
 * Finds labelled files by a map, the directory by its real path; null if they are not there. `refusal`: why this host
 * takes no project directory at a path. What leads out of the map by a link is never read: a writer of that directory
 * could have any file of this host sent away.
 */
export async function throughMap(
  map: PathMap,
  labelled: LabelledFiles,
  refusal: (directory: string) => Promise<string | null>,
): Promise<MappedFiles | null> {
  const root = await realOf(map.to);
  const directory = await realOf(join(root, relative(map.from, labelled.directory)));
  const place = (path: string) =>
    isInside(labelled.directory, path)
      ? join(directory, relative(labelled.directory, path))
      : join(root, relative(map.from, path));
  const files = { directory, configFiles: labelled.configFiles.map(place), envFiles: labelled.envFiles.map(place) };
  const outside = [...labelled.configFiles, ...labelled.envFiles].find((path) => !isInside(map.from, path));
  if (outside !== undefined && (await exists(directory)))
    return { ...files, fault: `${outside} lies outside ${map.from}, by which the stack’s directory is found` };
  if (!(await areThere(files))) return null;
  for (const path of [directory, ...files.configFiles, ...envFilesOf(files)]) {
    const real = await realOf(path);
    if (!isInside(root, real)) return { ...files, fault: `${path} leads out of ${map.to}, to ${real}: it is not read` };
  }
  return { ...files, fault: await refusal(directory) };
}

/** True if the directory and every Compose file that the labels name exist. */
export async function areThere({ directory, configFiles }: LabelledFiles): Promise<boolean> {
  const found = await Promise.all([directory, ...configFiles].map(exists));
  return directory.startsWith('/') && found.every(Boolean);
}

export const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
