import { access } from 'node:fs/promises';
import type { CreatedObjects } from './engine.ts';

/** Names of the volumes and paths that are not here. */
export async function missingObjects(
  { volumes, paths }: Pick<CreatedObjects, 'volumes' | 'paths'>,
  volumeExists: (name: string) => Promise<boolean>,
): Promise<string[]> {
  const pathExists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  const absent = await Promise.all([
    ...volumes.map(async (name) => ((await volumeExists(name)) ? [] : [`volume ${name}`])),
    ...paths.map(async (path) => ((await pathExists(path)) ? [] : [path])),
  ]);
  return absent.flat();
}
