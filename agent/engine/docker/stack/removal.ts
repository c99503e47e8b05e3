import { StackferryError } from '../../../../schema/errors.ts';
import { reachBelow } from '../../../../schema/exclude-pattern.ts';
import { limits } from '../../../../schema/limits.ts';
import { isInside } from '../../../compose/project.ts';
import { realOf } from '../../../real-path.ts';
import type { CreatedDirectories } from '../../created-directories.ts';
import type { CreatedObjects, PurgedObjects, Removal } from '../../engine.ts';
import { type DockerApi, EngineAnswer } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { mountersOf } from '../data/bind-trees.ts';
import { projectSummaries } from '../facts/stack-summaries.ts';
import { type HelperRuntime, sweepHelpers } from '../helper/helper.ts';
import type { MapContext } from '../path-maps/project-paths.ts';
import { stopContainers } from './containers.ts';
import { purgeVolume, removeVolume } from './volume-removal.ts';
import { findVolume, listVolumes } from './volumes.ts';

/**
 * Removes exactly these, nothing by name or label; a volume or a directory only if this migration created the existing
 * one.
 */
export function removeObjects(
  runtime: HelperRuntime,
  placed: CreatedDirectories,
  objects: CreatedObjects,
  migrationId: string,
): Promise<Removal> {
  return removeEach(runtime, objects, migrationId, {
    container: (id) => removeContainer(runtime.api, id),
    volume: (name) => removeVolume(runtime, name, migrationId),
    directory: (path) => placed.remove(path, migrationId, () => assertUnused(runtime, path)),
  });
}

/**
 * Removes these no matter who created them; a volume only if it is the recorded one, a directory without what patterns
 * leave out of it. What keeps the files of another stack stays, as does a directory that is a volume or holds one: a
 * manager may have them there.
 */
export async function purgeObjects(
  context: MapContext & Pick<DockerContext, 'place'>,
  placed: CreatedDirectories,
  objects: PurgedObjects,
  migrationId: string,
): Promise<Removal> {
  const runtime = context.place;
  const left_out: string[] = [];
  const { removed, remaining } = await removeEach(runtime, objects, migrationId, {
    // Anonymous volumes are among the recorded ones, and are looked at like them.
    container: (id) => removeContainer(runtime.api, id, false),
    volume: async (name) => {
      await assertNoStackIn(context, name);
      await purgeVolume(runtime, name, objects.marks[name], migrationId);
    },
    directory: async (path) => {
      await assertUnused(runtime, path);
      await assertNoVolumeIn(runtime, path);
      if (!(await placed.purge(path, reachBelow(objects.exclude ?? [], path)))) left_out.push(path);
    },
  });
  return { removed: removed.filter((what) => !left_out.includes(what)), remaining, left_out };
}

async function removeEach(
  runtime: HelperRuntime,
  objects: CreatedObjects,
  migrationId: string,
  remove: Record<'container' | 'volume' | 'directory', (name: string) => Promise<unknown>>,
): Promise<Removal> {
  const { api } = runtime;
  const removal: Removal = { removed: [], remaining: [] };
  const attempt = async (what: string, act: () => Promise<unknown>) => {
    try {
      await act();
      removal.removed.push(what);
    } catch (error) {
      removal.remaining.push({ what, why: (error as Error).message });
    }
  };
  // A helper that survived an engine crash holds the volume.
  await attempt('helpers', () => sweepHelpers(runtime, migrationId));
  await stopContainers(api, objects.containers, AbortSignal.timeout(limits.step.cleanupMsMax)).catch(() => []);
  for (const id of objects.containers) await attempt(`container ${id}`, () => remove.container(id));
  for (const id of objects.networks) await attempt(`network ${id}`, () => api.delete(`/networks/${id}`));
  for (const name of objects.volumes) await attempt(`volume ${name}`, () => remove.volume(name));
  // What was created first may have the directory above the others.
  for (const path of objects.paths.toReversed()) await attempt(path, () => remove.directory(path));
  return removal;
}

/** Throws if a container mounts the directory or a part of it: the Engine keeps a volume in use, but no directory. */
async function assertUnused({ api }: HelperRuntime, path: string): Promise<void> {
  const [user] = await mountersOf({ api, own: null }, path, null);
  if (user) throw new StackferryError('resource_taken', `container ${user} mounts it`);
}

async function assertNoVolumeIn({ api }: HelperRuntime, path: string): Promise<void> {
  const real = await realOf(path);
  const all = await listVolumes(api);
  const places = await Promise.all(all.map(({ Mountpoint }) => realOf(Mountpoint)));
  const held = all.find(({ Mountpoint }, at) => Mountpoint !== '' && isInside(real, places[at]!));
  if (held) throw new StackferryError('resource_taken', `volume ${held.Name} lies there`);
}

async function assertNoStackIn(context: MapContext, volume: string): Promise<void> {
  const found = await findVolume(context.api, volume);
  if (!found) return;
  const root = await realOf(found.Mountpoint);
  for (const { project, working_dir } of await projectSummaries(context))
    if (isInside(root, await realOf(working_dir)))
      throw new StackferryError('resource_taken', `the stack "${project}" has its files in it`);
}

/** `v`: also removes what the Engine made as anonymous volumes for it. */
export async function removeContainer(api: DockerApi, id: string, v = true): Promise<void> {
  await api.delete(`/containers/${id}?force=true&v=${v}`).catch((error) => {
    if (!(error instanceof EngineAnswer && error.status === 409)) throw error;
    throw new StackferryError('engine_error', 'it is being removed already', { cause: error });
  });
}
