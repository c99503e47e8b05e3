import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { WarmCopies, WarmTarget } from '../../engine.ts';
import type { Tree } from '../../tree.ts';
import type { DockerApi } from '../api.ts';
import type { MigratedMounts } from '../data/migrated-mounts.ts';
import { rootOf } from '../data/tree-root.ts';
import { createTreeStore } from '../data/tree-store.ts';
import { createWarmVolume } from './pack-changes.ts';
import { changesUnpacker } from './unpack-changes.ts';

/** `passesDir`: for the files of passes. `forget` drops the state of a migration's passes. */
export function createWarmCopies(
  api: DockerApi,
  { helperPool, emptyVolume, emptyDirectory, assertHeld }: MigratedMounts,
  passesDir: string,
): WarmCopies & { forget(migrationId: string): Promise<void> } {
  const warm = createTreeStore<ReturnType<typeof createWarmVolume>>((copy) => copy.forget());
  const targetOf = (tree: Tree, migrationId: string, recreate: () => Promise<void>): WarmTarget => {
    const held = async <T>(use: () => Promise<T>): Promise<T> => {
      await assertHeld(tree, migrationId);
      return use();
    };
    const unpacker = (isLive: boolean, vacate: () => Promise<void>) =>
      changesUnpacker({
        mount: tree,
        migrationId,
        isLive,
        mountpoint: () => held(() => rootOf(api, tree)),
        recreate: async () => {
          await vacate();
          await recreate();
        },
        residence: () => held(() => helperPool.open(tree, migrationId, 'target')),
      });
    return { passes: (vacate) => unpacker(true, vacate), rest: (vacate) => unpacker(false, vacate) };
  };
  return {
    forget: warm.forget,
    async source(tree, migrationId, blocks) {
      const mountpoint = blocks ? await rootOf(api, tree) : null;
      const known = warm.get(tree, migrationId);
      if (known) return known;
      const made = createWarmVolume({
        mount: tree,
        migrationId,
        mountpoint,
        residence: () => helperPool.open(tree, migrationId, 'source'),
        directory: join(passesDir, migrationId, randomUUID()),
      });
      await warm.set(tree, migrationId, made);
      return made;
    },
    target: (spec, migrationId) => targetOf({ volume: spec.name }, migrationId, () => emptyVolume(spec, migrationId)),
    targetDirectory: (directory, migrationId) =>
      targetOf({ directory }, migrationId, () => emptyDirectory(directory, migrationId)),
  };
}
