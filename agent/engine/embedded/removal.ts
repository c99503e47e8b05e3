import type { CreatedDirectories } from '../created-directories.ts';
import type { CreatedObjects, Removal } from '../engine.ts';
import { runsNow } from './containers.ts';
import { belowStacks, type HostRoot } from './host-root.ts';

import { forgetRun } from './process-run.ts';
import { volumeKeysOf, volumeNameOf } from './stack-file.ts';
import { dropVolume, findVolume } from './volume-store.ts';

/**
 * Removes exactly these, each only if this migration created it (Invariant 5). An object that is gone counts as
 * removed, also if another has taken its name.
 */
export function removeCreated(
  host: HostRoot,
  placed: CreatedDirectories,
  objects: CreatedObjects,
  migrationId: string,
): Promise<Removal> {
  return removeEach(host, objects, migrationId, (path) => placed.remove(belowStacks(host, path), migrationId));
}

/** Removes these no matter who created them. */
export function purgeObjects(host: HostRoot, placed: CreatedDirectories, objects: CreatedObjects): Promise<Removal> {
  return removeEach(host, objects, null, async (path) => {
    await placed.purge(belowStacks(host, path));
  });
}

/** `owner`: the migration that must have created each; null for any. */
async function removeEach(
  host: HostRoot,
  objects: CreatedObjects,
  owner: string | null,
  removePath: (path: string) => Promise<void>,
): Promise<Removal> {
  const removal: Removal = { removed: [], remaining: [] };
  const each = async (ids: string[], what: string, remove: (id: string) => Promise<string | null>) => {
    for (const id of ids) {
      const why = await remove(id).catch((error: Error) => error.message);
      if (why === null) removal.removed.push(`${what} ${id}`);
      else removal.remaining.push({ what: `${what} ${id}`, why });
    }
  };
  await each(objects.containers, 'container', (id) => removeContainer(host, id, owner));
  await each(objects.networks, 'network', async (id) => {
    const record = await host.networks.find(id);
    if (record && isOf(owner, record)) await host.networks.drop(id);
    return null;
  });
  await each(objects.volumes, 'volume', (name) => removeVolume(host, name, owner));
  await each(objects.paths, 'directory', (path) => removePath(path).then(() => null));
  return removal;
}

async function removeContainer(host: HostRoot, id: string, owner: string | null): Promise<string | null> {
  const record = await host.containers.find(id);
  if (!record || !isOf(owner, record)) return null;
  if (await runsNow(host, record)) return 'it runs';
  await host.containers.drop(id);
  if (record.run) await forgetRun(host.runs, record.run);
  return null;
}

async function removeVolume(host: HostRoot, name: string, owner: string | null): Promise<string | null> {
  const volume = await findVolume(host, name);
  if (volume && !isOf(owner, volume)) return null;
  const users = (await host.containers.all()).filter(({ spec, project }) =>
    volumeKeysOf(spec).some((key) => volumeNameOf(project, key, { services: {}, volumes: {} }) === name),
  );
  if (users.length > 0) return `it is used by ${users.map((user) => user.name).join(', ')}`;
  await dropVolume(host, name);
  return null;
}

const isOf = (owner: string | null, { migration_id }: { migration_id: string | null }) =>
  owner === null || migration_id === owner;
