import { join } from 'node:path';
import { eachOf } from '../../../../schema/each-of.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import type { StackVolume } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import type { TarSink, TarSource } from '../../../transfer/tar-ports.ts';
import type { CreatedDirectories } from '../../created-directories.ts';
import type { Engine, MeasuredTree } from '../../engine.ts';
import { type MigratedData, type Tree, treeOf } from '../../tree.ts';
import type { HelperRuntime } from '../helper/helper.ts';
import { createHelperPool, type HelperPool, type Side } from '../helper/helper-pool.ts';
import { removeVolume } from '../stack/volume-removal.ts';
import { assertMadeVolume, createVolume } from '../stack/volumes.ts';
import { type AddContents, manifestOf, measure, packLive, packTask, unpack } from './carriage.ts';
import { createFreshTargets } from './fresh-targets.ts';
import { packWithLarge } from './large-packer.ts';
import { createTreeContents, type TreeContents } from './tree-contents.ts';
import { createReachedRoot } from './tree-root.ts';
import { createTreeStore } from './tree-store.ts';

/** Volumes and project directories of migrations, read and filled through helpers. */
export interface MigratedMounts {
  helperPool: HelperPool;
  /** See `Engine.standBy`. */
  standBy(side: Side, data: MigratedData, migrationId: string): Promise<void>;
  release(migrationId: string): Promise<void>;
  /** `live`: files may change or vanish while they are read. */
  pack(mount: Tree, migrationId: string, live?: boolean): TarSource;
  measure(mount: Tree, migrationId: string): Promise<MeasuredTree>;
  /** See `Engine.manifest`. */
  manifest: Engine['manifest'];
  learnContents: TreeContents['learn'];
  fillVolume(spec: StackVolume, migrationId: string): TarSink;
  /** Creates the directory, or claims an empty one, for this migration. */
  createDirectory(directory: string, migrationId: string): Promise<void>;
  /** Refuses a directory with anything in it that this migration did not create. */
  fillDirectory(directory: string, migrationId: string): TarSink;
  /** Recreates the volume, unless it is still empty. */
  emptyVolume(spec: StackVolume, migrationId: string): Promise<void>;
  /** Throws `resource_taken` unless this migration made the volume, or claimed the directory. */
  assertHeld(tree: Tree, migrationId: string): Promise<void>;
  /** Empties a directory, which afterwards exists and is claimed by this migration. */
  emptyDirectory(directory: string, migrationId: string): Promise<void>;
}

export function createMigratedMounts(runtime: HelperRuntime, placed: CreatedDirectories): MigratedMounts {
  const { api } = runtime;
  const helperPool = createHelperPool(runtime);
  const empty = createFreshTargets();
  const listsDir = join(runtime.ioDir, 'large');
  const reachedRoot = createReachedRoot(api);
  /** Bytes of each tree's largest file, when it was measured. */
  const largest = createTreeStore<number>(async () => {});
  const contents = createTreeContents(runtime, helperPool, reachedRoot);

  const emptied = async (mount: Tree, migrationId: string, recreate: () => Promise<void>) => {
    if (empty.take(mount, migrationId)) return;
    await helperPool.vacate(mount, migrationId);
    await recreate();
  };
  const fill = (mount: Tree, migrationId: string, signal: AbortSignal) =>
    unpack(helperPool.placeOf(mount, migrationId), mount, migrationId, () => reachedRoot(mount), signal);
  const emptyVolume = async (spec: StackVolume, migrationId: string) => {
    // A tar does not carry removals of attributes on directories, so a whole resend needs a new volume.
    await emptied({ volume: spec.name }, migrationId, () => removeVolume(runtime, spec.name, migrationId));
    // Also if the volume is fresh: a prune may have removed it since, and another stack taken its name.
    await createVolume(api, spec, migrationId);
  };

  const emptyDirectory = (directory: string, migrationId: string) =>
    emptied({ directory }, migrationId, () => placed.empty(directory, migrationId));

  return {
    helperPool,
    async standBy(side, { volumes, directory, binds }, migrationId) {
      if (side === 'target') await placed.claim(directory, migrationId);
      const mounts: Tree[] = [...[...volumes, ...binds].map((name) => treeOf(name)), { directory }];
      if (side === 'target') for (const mount of mounts) empty.add(mount, migrationId);
      const { lanesAtOnceMax, residentsMax } = limits.agent;
      await eachOf(mounts.slice(-residentsMax), lanesAtOnceMax, (mount) => helperPool.open(mount, migrationId, side));
    },
    async release(migrationId) {
      empty.forget(migrationId);
      await Promise.all([contents.forget(migrationId), largest.forget(migrationId)]);
      await helperPool.release(migrationId);
    },
    pack: (mount, migrationId, live = false) => ({
      async open(signal) {
        // A resident helper may be gone by now.
        const place = helperPool.placeOf(mount, migrationId);
        if (live) return packLive(place, mount, migrationId, signal);
        // Where none was large while the stack ran, looking for large files would cost more than it saves.
        const isWorthALook =
          (largest.get(mount, migrationId) ?? Number.POSITIVE_INFINITY) >= limits.warm.blockFileBytesMin;
        const root = place.resident && isWorthALook ? await reachedRoot(mount) : null;
        return packWithLarge({ place, task: packTask(mount, migrationId, signal), root, directory: listsDir });
      },
    }),
    async measure(mount, migrationId) {
      const { largest_bytes, ...measured } = await measure(helperPool.placeOf(mount, migrationId), mount, migrationId);
      await largest.set(mount, migrationId, largest_bytes);
      return measured;
    },
    manifest: (mount, migrationId, digest, signal) => {
      const until = AbortSignal.any([signal, AbortSignal.timeout(limits.step.transferringMsMax)]);
      const place = helperPool.placeOf(mount, migrationId);
      const addContents: AddContents | null =
        digest && ((onFile, listed) => contents.read(mount, migrationId, digest, onFile, listed, until));
      return manifestOf(place, mount, migrationId, addContents, until);
    },
    learnContents: contents.learn,
    fillVolume: (spec, migrationId) => ({
      open: (signal) => fill({ volume: spec.name }, migrationId, signal),
      reset: () => emptyVolume(spec, migrationId),
    }),
    createDirectory: placed.claim,
    fillDirectory: (directory, migrationId) => ({
      async open(signal) {
        await placed.claim(directory, migrationId);
        return fill({ directory }, migrationId, signal);
      },
      reset: () => emptyDirectory(directory, migrationId),
    }),
    emptyVolume,
    async assertHeld(tree, migrationId) {
      if ('volume' in tree) return assertMadeVolume(runtime.api, tree.volume, migrationId);
      if (await placed.holds(tree.directory, migrationId)) return;
      throw new StackferryError('resource_taken', `${tree.directory} was not created by this migration.`);
    },
    async emptyDirectory(directory, migrationId) {
      await emptyDirectory(directory, migrationId);
      await placed.claim(directory, migrationId);
    },
  };
}
