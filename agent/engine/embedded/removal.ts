import type { CreatedObjects, Removal } from '../engine.ts';
import { runsNow } from './containers.ts';
import type { HostRoot } from './host-root.ts';
import type { PlacedProjects } from './placed-projects.ts';
import { forgetRun } from './process-run.ts';
import { volumeKeysOf, volumeNameOf } from './stack-file.ts';
import { dropVolume, findVolume } from './volume-store.ts';

const foreign = 'it was not made by this migration';

/** Removes exactly these, each only if this migration made it (Invariant 5). What is gone already counts as removed. */
export async function removeCreated(
  host: HostRoot,
  placed: PlacedProjects,
  objects: CreatedObjects,
  migrationId: string,
): Promise<Removal> {
  const removal: Removal = { removed: [], remaining: [] };
  const each = async (ids: string[], what: string, remove: (id: string) => Promise<string | null>) => {
    for (const id of ids) {
      const why = await remove(id).catch((error: Error) => error.message);
      if (why === null) removal.removed.push(`${what} ${id}`);
      else removal.remaining.push({ what: `${what} ${id}`, why });
    }
  };
  await each(objects.containers, 'container', (id) => removeContainer(host, id, migrationId));
  await each(objects.networks, 'network', async (id) => {
    const record = await host.networks.find(id);
    if (record && record.migration_id !== migrationId) return foreign;
    await host.networks.drop(id);
    return null;
  });
  await each(objects.volumes, 'volume', (name) => removeVolume(host, name, migrationId));
  await each(objects.paths, 'directory', (path) => placed.remove(path, migrationId));
  return removal;
}

async function removeContainer(host: HostRoot, id: string, migrationId: string): Promise<string | null> {
  const record = await host.containers.find(id);
  if (!record) return null;
  if (record.migration_id !== migrationId) return foreign;
  if (await runsNow(host, record)) return 'it runs';
  await host.containers.drop(id);
  if (record.run) await forgetRun(host.runs, record.run);
  return null;
}

async function removeVolume(host: HostRoot, name: string, migrationId: string): Promise<string | null> {
  const volume = await findVolume(host, name);
  if (volume && volume.migration_id !== migrationId) return foreign;
  const users = (await host.containers.all()).filter(({ spec, project }) =>
    volumeKeysOf(spec).some((key) => volumeNameOf(project, key, { services: {}, volumes: {} }) === name),
  );
  if (users.length > 0) return `it is used by ${users.map((user) => user.name).join(', ')}`;
  await dropVolume(host, name);
  return null;
}
