import type { CreatedObjects, Engine, Removal } from '../../agent/engine/engine.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { SimHost } from './host.ts';

type Call = <T>(what: string, act: () => T) => Promise<T>;
type Found = { name: string; project: string; madeBy: string | null; foreign: boolean; runs: boolean } | null;

/** Volumes made, and things removed: `remove` only what the migration made, `purge` anything. */
export function objectsOf(
  host: SimHost,
  call: Call,
): Pick<Engine, 'createVolume' | 'createDirectory' | 'ensureImages' | 'remove' | 'purge'> {
  const { containers, volumes, networks, paths, world } = host;

  const kinds: { [K in keyof CreatedObjects]: { find(key: string): Found; drop(key: string): void } } = {
    containers: {
      find: (id) => {
        const container = containers.all.get(id);
        return container ? { ...container, runs: container.state === 'running' } : null;
      },
      drop: (id) => containers.all.delete(id),
    },
    networks: {
      find: (id) => {
        const network = networks.get(id);
        return network ? { ...network, name: id, foreign: false, runs: false } : null;
      },
      drop: (id) => networks.delete(id),
    },
    volumes: {
      find: (name) => {
        const volume = volumes.get(name);
        return volume ? { ...volume, runs: false } : null;
      },
      drop: (name) => volumes.delete(name),
    },
    paths: {
      find: (name) => {
        const bind = volumes.get(name);
        if (bind) return { ...bind, runs: false };
        const path = paths.get(name);
        return path ? { ...path, name, project: path.spec.project, runs: false } : null;
      },
      drop: (name) => volumes.delete(name) || paths.delete(name),
    },
  };

  const obstacle = (kind: keyof CreatedObjects, key: string, found: NonNullable<Found>) => {
    if (world.options.plant?.byForce) return null;
    if (found.runs) return 'it runs';
    const users = [...containers.all.values()].filter(({ spec }) => spec.volumes.includes(key));
    return kind === 'volumes' && users.length > 0 ? `it is used by ${users.map(({ name }) => name).join(', ')}` : null;
  };

  const removeEach = async (objects: CreatedObjects, migrationId: string, owner: string | null): Promise<Removal> => {
    const removal: Removal = { removed: [], remaining: [] };
    for (const kind of ['containers', 'networks', 'volumes', 'paths'] as const)
      for (const key of objects[kind])
        await call('remove', () => {
          const there = kinds[kind].find(key);
          // Another's, under a name that was ours: ours is gone.
          const found = there && (owner === null || there.madeBy === owner) ? there : null;
          const why = found && obstacle(kind, key, found);
          if (why) return removal.remaining.push({ what: key, why });
          if (found) {
            world.truth.removed(host, found, migrationId);
            world.trace(host.id, `${key} is removed`);
            kinds[kind].drop(key);
          }
          return removal.removed.push(key);
        });
    return removal;
  };

  const create = (name: string, project: string, migrationId: string) =>
    call('create volume', () => {
      const there = volumes.get(name);
      if (there && there.madeBy !== migrationId)
        throw new StackferryError('resource_taken', `a volume ${name} exists and is left alone`);
      if (host.disk.full) throw new StackferryError('disk_full', 'no space');
      if (!there)
        volumes.set(name, {
          name,
          project,
          content: 0,
          madeBy: migrationId,
          foreign: false,
          byHand: false,
          filledBy: null,
        });
    });

  return {
    ensureImages: async () => {
      await call('pull', () => {});
    },
    createVolume: ({ name, labels }, migrationId) =>
      create(name, labels['com.docker.compose.project'] ?? '', migrationId),
    createDirectory: (path, { project }, migrationId) => create(path, project, migrationId),
    remove: (objects, migrationId) => removeEach(objects, migrationId, migrationId),
    purge: (objects, migrationId) => removeEach(objects, migrationId, null),
  };
}
