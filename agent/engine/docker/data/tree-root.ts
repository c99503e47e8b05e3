import { StackferryError } from '../../../../schema/errors.ts';
import type { Tree } from '../../tree.ts';
import type { DockerApi } from '../api.ts';
import { findVolume } from '../stack/volumes.ts';

/** The directory of a tree's files, as the engine names it. Throws `engine_error` for a volume that is not here. */
export async function rootOf(api: DockerApi, tree: Tree): Promise<string> {
  if ('directory' in tree) return tree.directory;
  const found = await findVolume(api, tree.volume);
  if (found) return found.Mountpoint;
  throw new StackferryError('engine_error', `The volume "${tree.volume}" is not here.`);
}
