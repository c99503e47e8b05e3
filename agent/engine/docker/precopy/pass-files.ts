import { randomUUID } from 'node:crypto';
import { access, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { HelperRuntime } from '../helper/helper.ts';

/** A file's path in the agent and in a helper. */
export interface SharedFile {
  here: string;
  there: string;
}

export interface PassFiles {
  path(name: string): string;
  /** Takes over a file that a helper wrote. Throws if it is not a regular file: a link would lead elsewhere. */
  take(file: SharedFile, name: string): Promise<string>;
  /** Passes a file to a helper; returns its path there. */
  give(name: string, place: HelperRuntime): Promise<string>;
  areThere(): Promise<boolean>;
  remove(): Promise<void>;
}

/** Files of one pass, in a directory that no helper sees: they outlive helpers, and only the agent writes there. */
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

/** Passes files to `use`, and removes them if it fails: what it returns may keep them. */
export async function withPassFiles<T>(parent: string, use: (files: PassFiles) => Promise<T>): Promise<T> {
  const files = await makePassFiles(parent);
  try {
    return await use(files);
  } catch (error) {
    await files.remove();
    throw error;
  }
}

/** A new random name in the directory that a helper sees as /io: no link can have been placed there in advance. */
export function sharedFile({ ioDir }: HelperRuntime): SharedFile {
  const here = join(ioDir, randomUUID());
  return { here, there: `/io/${basename(here)}` };
}
