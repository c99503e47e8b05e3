import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { StackferryError } from '../../../../schema/errors.ts';
import type { Tree } from '../../tree.ts';
import type { DockerApi } from '../api.ts';
import { engineInfo, reachesFiles } from '../facts/engine-info.ts';
import { type HelperRuntime, type HelperTask, readFromHelper } from '../helper/helper.ts';
import { once } from '../once.ts';
import { findVolume } from '../stack/volumes.ts';

/** The directory of a tree's files, as the engine names it. Throws `engine_error` for a volume that is not here. */
export async function rootOf(api: DockerApi, tree: Tree): Promise<string> {
  if ('directory' in tree) return tree.directory;
  const found = await findVolume(api, tree.volume);
  if (found) return found.Mountpoint;
  throw new StackferryError('engine_error', `The volume "${tree.volume}" is not here.`);
}

/** As `rootOf`; null where the agent can't read and write volumes' files itself. */
export type ReachedRoot = (tree: Tree) => Promise<string | null>;

export function createReachedRoot(api: DockerApi): ReachedRoot {
  const reaches = once(() =>
    engineInfo(api)
      .then(reachesFiles)
      .catch(() => false),
  );
  return async (tree) => ((await reaches()) ? rootOf(api, tree) : null);
}

/** A tree's directory, held open: `path` leads to it whatever takes its place. */
export interface HeldRoot {
  path: string;
  close(): Promise<void>;
}

/**
 * Opens the directory if a helper sees the same one as /v, null otherwise: an agent in a container may see another at that
 * path, or none.
 */
export async function holdRoot(
  place: HelperRuntime,
  task: Omit<HelperTask, 'script' | 'arguments'>,
  root: string | null,
): Promise<HeldRoot | null> {
  if (root === null) return null;
  const directory = await open(root, constants.O_RDONLY | constants.O_DIRECTORY).catch(() => null);
  if (!directory) return null;
  try {
    const { dev, ino } = await directory.stat({ bigint: true });
    const helper = await readFromHelper(place, { ...task, script: 'stat -c %d:%i /v' });
    const [said] = await Promise.all([helper.stream.toArray(), helper.finished]);
    if (Buffer.concat(said).toString().trim() === `${dev}:${ino}`)
      return { path: `/proc/self/fd/${directory.fd}`, close: () => directory.close() };
  } catch (error) {
    await directory.close();
    throw error;
  }
  await directory.close();
  return null;
}
