import { lstat, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TargetFacts } from '../../../../schema/target-facts.ts';
import { isInside } from '../../../compose/project.ts';
import { mountsBelow } from '../../../mounts.ts';
import type { Arriving } from '../../../permissions/asked.ts';
import { isFree } from '../../created-directories.ts';
import type { DockerContext } from '../context.ts';
import { bindPlaceRefusal, placeRefusal } from '../policy/project-place.ts';
import { engineInfo, unseenBySnap } from './engine-info.ts';

/** The places that an arriving stack's directories get on this host. */

/** State of the project directory's path, and free space on its file system. */
export async function pathFacts(context: DockerContext, project: string, path: string): Promise<TargetFacts['path']> {
  const free_bytes = await roomAt(path);
  try {
    const refusal = await placeRefusal(context, project, path);
    if (refusal) return { free: false, detail: refusal, free_bytes };
    if (unseenBySnap(path) && (await engineInfo(context.api)).snap)
      return {
        free: false,
        detail: 'Docker is a snap there and does not see it; use --stacks-dir below /home.',
        free_bytes,
      };
    if ((await mountsBelow(path)).length > 0)
      return { free: false, detail: 'something is mounted there; use --stacks-dir.', free_bytes };
    const free = await isFree(path);
    return { free, detail: free ? '' : 'something is there already; move it away or set --stacks-dir.', free_bytes };
  } catch (error) {
    return { free: null, detail: `it could not be looked at: ${(error as Error).message}`, free_bytes };
  }
}

type BindPlace = NonNullable<TargetFacts['bind_places']>[number];

/** State of a place that the data of a bind mount is to get. */
export async function bindPlace(
  context: DockerContext,
  stack: Arriving,
  directory: string,
  place: string,
): Promise<BindPlace> {
  const parent = await existingParent(place);
  const filesystem = await filesystemOf(parent);
  const { dataRoot } = await engineInfo(context.api);
  const about = {
    place,
    free_bytes: await roomAt(place),
    filesystem,
    with_volumes: filesystem !== null && filesystem === (await filesystemOf(dataRoot)),
  };
  try {
    const detail =
      (isInside(directory, place) || isInside(place, directory) ? 'the project directory goes there.' : null) ??
      (await bindPlaceRefusal(context, stack, place)) ??
      ((await mountsBelow(place)).length > 0 ? 'something is mounted there: choose a directory in it.' : null) ??
      ((await isFree(place)) ? null : 'something is there already.');
    return { ...about, free: detail === null, detail: detail ?? '' };
  } catch (error) {
    return { ...about, free: null, detail: `it could not be looked at: ${(error as Error).message}.` };
  }
}

const filesystemOf = (path: string): Promise<string | null> =>
  stat(path).then(
    ({ dev }) => String(dev),
    () => null,
  );

/** The path, or the nearest directory above it that exists. */
async function existingParent(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) if (at === dirname(at) || (await exists(at))) return at;
}

async function roomAt(path: string): Promise<number | null> {
  const { bavail, bsize } = await statfs(await existingParent(path)).catch(() => ({ bavail: null, bsize: 0 }));
  return bavail === null ? null : bavail * bsize;
}

const exists = (path: string) =>
  lstat(path).then(
    () => true,
    () => false,
  );
