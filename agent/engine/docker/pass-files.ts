import { randomUUID } from 'node:crypto';
import { access, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { HelperPlace } from './helper.ts';

/** A file as the agent and as a helper see it. */
export interface SharedFile {
  here: string;
  there: string;
}

export interface PassFiles {
  path(name: string): string;
  /** Takes a file that a helper wrote. Throws where it is not a file: a link would lead elsewhere. */
  take(file: SharedFile, name: string): Promise<string>;
  /** Gives a file to a helper; resolves to its path there. */
  give(name: string, place: HelperPlace): Promise<string>;
  areThere(): Promise<boolean>;
  remove(): Promise<void>;
}

/**
 * Files of one pass over a volume. They lie in a directory that no helper sees: they outlive helpers, and only the agent
 * writes there.
 */
export async function makePassFiles(parent: string): Promise<PassFiles> {
  const directory = join(parent, randomUUID());
  const path = (name: string) => join(directory, name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return {
    path,
    async take({ here }, name) {
      await rename(here, path(name));
      if ((await lstat(path(name))).isFile()) return path(name);
      throw new Error(`the helper put something else in the place of its file "${name}"`);
    },
    async give(name, place) {
      const { here, there } = sharedFile(place);
      await rename(path(name), here);
      return there;
    },
    areThere: () =>
      access(directory).then(
        () => true,
        () => false,
      ),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A new name in the directory that a helper sees as /io: nothing can have been put there to be followed. */
export function sharedFile({ ioDir }: HelperPlace): SharedFile {
  const here = join(ioDir, randomUUID());
  return { here, there: `/io/${basename(here)}` };
}
