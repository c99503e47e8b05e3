import { join } from 'node:path';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { WarmCopies } from '../engine.ts';
import type { DockerApi } from './api.ts';
import type { Places } from './places.ts';
import { findVolume } from './volumes.ts';
import { createWarmVolume } from './warm-pack.ts';
import { changesUnpacker } from './warm-unpack.ts';

/** `passesDir`: for the files of passes. `forget`: what is remembered of a migration's passes. */
export function createWarmCopies(
  api: DockerApi,
  { residences, emptyVolume }: Places,
  passesDir: string,
): WarmCopies & { forget(migrationId: string): Promise<void> } {
  /** By migration, the one that was begun last at the end; then by volume. */
  const warm = new Map<string, Map<string, ReturnType<typeof createWarmVolume>>>();
  const mountpointOf = async (volume: string) => {
    const found = await findVolume(api, volume);
    if (found) return found.Mountpoint;
    throw new StackferryError('engine_error', `The volume "${volume}" is not here.`);
  };
  const forget = async (migrationId: string) => {
    const volumes = warm.get(migrationId) ?? new Map();
    warm.delete(migrationId);
    await Promise.all([...volumes.values()].map((volume) => volume.forget()));
  };
  return {
    forget,
    async source(volume, migrationId, blocks) {
      const mountpoint = blocks ? await mountpointOf(volume) : null;
      const volumes = warm.get(migrationId) ?? new Map<string, ReturnType<typeof createWarmVolume>>();
      warm.set(migrationId, volumes);
      const known = volumes.get(volume);
      if (known) return known;
      const mount = { volume };
      const made = createWarmVolume({
        mount,
        migrationId,
        mountpoint,
        residence: () => residences.open(mount, migrationId, 'source'),
        directory: join(passesDir, migrationId, `${volumes.size}`),
      });
      volumes.set(volume, made);
      const [oldest] = warm.keys();
      if (oldest && warm.size > limits.warm.migrationsMax) await forget(oldest);
      return made;
    },
    target(spec, migrationId) {
      const unpacker = (isLive: boolean, vacate: () => Promise<void>) =>
        changesUnpacker({
          mount: { volume: spec.name },
          migrationId,
          isLive,
          mountpoint: () => mountpointOf(spec.name),
          recreate: async () => {
            await vacate();
            await emptyVolume(spec, migrationId);
          },
          residence: () => residences.open({ volume: spec.name }, migrationId, 'target'),
        });
      return { passes: unpacker(true, async () => {}), rest: (vacate) => unpacker(false, vacate) };
    },
  };
}
