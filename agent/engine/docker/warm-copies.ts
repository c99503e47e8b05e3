import { StackferryError } from '../../../schema/errors.ts';
import type { WarmCopies, WarmVolume } from '../engine.ts';
import type { DockerApi } from './api.ts';
import type { Places } from './places.ts';
import { findVolume } from './volumes.ts';
import { createWarmVolume } from './warm-pack.ts';
import { changesUnpacker } from './warm-unpack.ts';

/** `forget`: what is remembered of a migration's passes. */
export function createWarmCopies(
  api: DockerApi,
  { residences, emptyVolume }: Places,
): WarmCopies & { forget(migrationId: string): void } {
  const warm = new Map<string, WarmVolume>();
  const mountpointOf = async (volume: string) => {
    const found = await findVolume(api, volume);
    if (found) return found.Mountpoint;
    throw new StackferryError('engine_error', `The volume "${volume}" is not here.`);
  };
  return {
    async source(volume, migrationId, blocks) {
      const key = `${migrationId}/${volume}`;
      const known = warm.get(key);
      if (known) return known;
      const made = createWarmVolume({
        volume,
        migrationId,
        mountpoint: blocks ? await mountpointOf(volume) : null,
        residence: () => residences.open({ volume }, migrationId, 'source'),
      });
      warm.set(key, made);
      return made;
    },
    target(spec, migrationId) {
      const unpacker = (isLive: boolean, vacate: () => Promise<void>) =>
        changesUnpacker({
          volume: spec.name,
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
    forget(migrationId) {
      for (const key of warm.keys()) if (key.startsWith(`${migrationId}/`)) warm.delete(key);
    },
  };
}
