import type { CreatedObjects, Removal } from '../engine.ts';
import { runsNow } from './containers.ts';
import type { HostRoot } from './host-root.ts';
import type { PlacedProjects } from './placed-projects.ts';
import { forgetRun } from './process-run.ts';
import { volumeKeysOf, volumeNameOf } from './stack-file.ts';
import { dropVolume, findVolume } from './volume-store.ts';

const foreign = 'it was not made by this migration';

/** Removes exactly these, each only if this migration made it (Invariant 5). What is gone already counts as removed. */
export function removeCreated(
  host: HostRoot,
  placed: PlacedProjects,
  objects: CreatedObjects,
  migrationId: string,
): Promise<Removal> {
  return removeEach(host, objects, migrationId, (path) => placed.remove(path, migrationId));
}

/** Whoever made them. */
export function purgeObjects(host: HostRoot, placed: PlacedProjects, objects: CreatedObjects): Promise<Removal> {
  return removeEach(host, objects, null, (path) => placed.purge(path));
}

/** `owner`: the migration that must have made each; null where it does not matter. */
async function removeEach(
  host: HostRoot,
  objects: CreatedObjects,
  owner: string | null,
  removePath: (path: string) => Promise<string | null>,
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
    if (record && owner !== null && record.migration_id !== owner) return foreign;
    await host.networks.drop(id);
    return null;
  });
  await each(objects.volumes, 'volume', (name) => removeVolume(host, name, owner));
  await each(objects.paths, 'directory', removePath);
  return removal;
}

async function removeContainer(host: HostRoot, id: string, owner: string | null): Promise<string | null> {
  const record = await host.containers.find(id);
  if (!record) return null;
  if (owner !== null && record.migration_id !== owner) return foreign;
  if (await runsNow(host, record)) return 'it runs';
  await host.containers.drop(id);
  if (record.run) await forgetRun(host.runs, record.run);
  return null;
}

async function removeVolume(host: HostRoot, name: string, owner: string | null): Promise<string | null> {
  const volume = await findVolume(host, name);
  if (volume && owner !== null && volume.migration_id !== owner) return foreign;
  const users = (await host.containers.all()).filter(({ spec, project }) =>
    volumeKeysOf(spec).some((key) => volumeNameOf(project, key, { services: {}, volumes: {} }) === name),
  );
  if (users.length > 0) return `it is used by ${users.map((user) => user.name).join(', ')}`;
  await dropVolume(host, name);
  return null;
}
