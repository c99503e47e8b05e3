import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { CreatedObjects, PurgedObjects, Removal } from '../engine.ts';
import type { PlacedDirectories } from '../placed-directories.ts';
import { type DockerApi, EngineAnswer } from './api.ts';
import { stopContainers } from './containers.ts';
import { type HelperPlace, sweepHelpers } from './helper.ts';
import { purgeVolume, removeVolume } from './volume-removal.ts';

/** Exactly these and nothing by name or label; a volume or a directory only if this migration made the one that is there. */
export function removeObjects(
  place: HelperPlace,
  placed: PlacedDirectories,
  objects: CreatedObjects,
  migrationId: string,
): Promise<Removal> {
  return removeEach(place, objects, migrationId, {
    volume: (name) => removeVolume(place, name, migrationId),
    directory: (path) => placed.remove(path, migrationId),
  });
}

/** These, whoever made them: a volume only if it is the one that was recorded. */
export function purgeObjects(
  place: HelperPlace,
  placed: PlacedDirectories,
  objects: PurgedObjects,
  migrationId: string,
): Promise<Removal> {
  return removeEach(place, objects, migrationId, {
    volume: (name) => purgeVolume(place, name, objects.marks[name], migrationId),
    directory: placed.purge,
  });
}

async function removeEach(
  place: HelperPlace,
  objects: CreatedObjects,
  migrationId: string,
  named: Record<'volume' | 'directory', (name: string) => Promise<unknown>>,
): Promise<Removal> {
  const { api } = place;
  const removal: Removal = { removed: [], remaining: [] };
  const attempt = async (what: string, remove: () => Promise<unknown>) => {
    try {
      await remove();
      removal.removed.push(what);
    } catch (error) {
      removal.remaining.push({ what, why: (error as Error).message });
    }
  };
  // A helper that outlived its engine holds the volume.
  await attempt('helpers', () => sweepHelpers(place, migrationId));
  await stopContainers(api, objects.containers, AbortSignal.timeout(limits.step.cleanupMsMax)).catch(() => []);
  for (const id of objects.containers) await attempt(`container ${id}`, () => removeContainer(api, id));
  for (const id of objects.networks) await attempt(`network ${id}`, () => api.delete(`/networks/${id}`));
  for (const name of objects.volumes) await attempt(`volume ${name}`, () => named.volume(name));
  for (const path of objects.paths) await attempt(path, () => named.directory(path));
  return removal;
}

/** With the anonymous volumes that were made for it. */
export async function removeContainer(api: DockerApi, id: string): Promise<void> {
  await api.delete(`/containers/${id}?force=true&v=true`).catch((error) => {
    if (!(error instanceof EngineAnswer && error.status === 409)) throw error;
    throw new StackferryError('engine_error', 'it is being removed already', { cause: error });
  });
}
