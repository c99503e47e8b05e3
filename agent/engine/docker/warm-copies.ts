import { join } from 'node:path';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { WarmCopies, WarmTarget } from '../engine.ts';
import type { DockerApi } from './api.ts';
import { type Carried, nameOf } from './helper.ts';
import type { Places } from './places.ts';
import { findVolume } from './volumes.ts';
import { createWarmVolume } from './warm-pack.ts';
import { changesUnpacker } from './warm-unpack.ts';

/** `passesDir`: for the files of passes. `forget`: what is remembered of a migration's passes. */
export function createWarmCopies(
  api: DockerApi,
  { residences, emptyVolume, emptyDirectory }: Places,
  passesDir: string,
): WarmCopies & { forget(migrationId: string): Promise<void> } {
  /** By migration, the one that was begun last at the end; then by volume or directory. */
  const warm = new Map<string, Map<string, ReturnType<typeof createWarmVolume>>>();
  const mountpointOf = async (tree: Carried) => {
    if ('directory' in tree) return tree.directory;
    const found = await findVolume(api, tree.volume);
    if (found) return found.Mountpoint;
    throw new StackferryError('engine_error', `The volume "${tree.volume}" is not here.`);
  };
  const targetOf = (tree: Carried, migrationId: string, recreate: () => Promise<void>): WarmTarget => {
    const unpacker = (isLive: boolean, vacate: () => Promise<void>) =>
      changesUnpacker({
        mount: tree,
        migrationId,
        isLive,
        mountpoint: () => mountpointOf(tree),
        recreate: async () => {
          await vacate();
          await recreate();
        },
        residence: () => residences.open(tree, migrationId, 'target'),
      });
    return { passes: unpacker(true, async () => {}), rest: (vacate) => unpacker(false, vacate) };
  };
  const forget = async (migrationId: string) => {
    const trees = warm.get(migrationId) ?? new Map();
    warm.delete(migrationId);
    await Promise.all([...trees.values()].map((tree) => tree.forget()));
  };
  return {
    forget,
    async source(tree, migrationId, blocks) {
      const mountpoint = blocks ? await mountpointOf(tree) : null;
      const trees = warm.get(migrationId) ?? new Map<string, ReturnType<typeof createWarmVolume>>();
      warm.set(migrationId, trees);
      const known = trees.get(nameOf(tree));
      if (known) return known;
      const made = createWarmVolume({
        mount: tree,
        migrationId,
        mountpoint,
        residence: () => residences.open(tree, migrationId, 'source'),
        directory: join(passesDir, migrationId, `${trees.size}`),
      });
      trees.set(nameOf(tree), made);
      const [oldest] = warm.keys();
      if (oldest && warm.size > limits.warm.migrationsMax) await forget(oldest);
      return made;
    },
    target: (spec, migrationId) => targetOf({ volume: spec.name }, migrationId, () => emptyVolume(spec, migrationId)),
    targetDirectory: (directory, migrationId) =>
      targetOf({ directory }, migrationId, () => emptyDirectory(directory, migrationId)),
  };
}
