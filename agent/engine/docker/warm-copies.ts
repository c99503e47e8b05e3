import { StackferryError } from '../../../schema/errors.ts';
import type { WarmCopies, WarmVolume } from '../engine.ts';
import type { HelperPlace, HelperSeat } from './helper.ts';
import { openResidence, type Residence } from './resident-helper.ts';
import { packCapabilities, unpackCapabilities } from './tar-arguments.ts';
import { createVolume, findVolume, removeVolume } from './volumes.ts';
import { createWarmVolume } from './warm-pack.ts';
import { changesUnpacker } from './warm-unpack.ts';

/** With the helpers that stay for the volumes. */
export interface DockerWarmCopies extends WarmCopies {
  /** Where tasks on this volume run: its helper that stays, where there is one. */
  placeOf(volume: string, migrationId: string): HelperPlace;
}

export function createWarmCopies(place: HelperPlace): DockerWarmCopies {
  const { api } = place;
  const residences = new Map<string, Promise<Residence>>();
  const ready = new Map<string, Residence>();
  const warm = new Map<string, WarmVolume>();
  const keyOf = (volume: string, migrationId: string) => `${migrationId}/${volume}`;

  const residence = (volume: string, migrationId: string, seat: Pick<HelperSeat, 'readOnly' | 'capabilities'>) => {
    const key = keyOf(volume, migrationId);
    const known = residences.get(key);
    if (known) return known;
    const opening = openResidence(place, { migrationId, purpose: 'resident', mount: { volume }, ...seat });
    residences.set(key, opening);
    opening.then(
      (opened) => ready.set(key, opened),
      () => residences.delete(key),
    );
    return opening;
  };
  const vacate = async (key: string) => {
    const opening = residences.get(key);
    residences.delete(key);
    ready.delete(key);
    await (await opening?.catch(() => null))?.close();
  };
  const mountpointOf = async (volume: string) => {
    const found = await findVolume(api, volume);
    if (found) return found.Mountpoint;
    throw new StackferryError('engine_error', `The volume "${volume}" is not here.`);
  };

  return {
    async source(volume, migrationId, blocks) {
      const key = keyOf(volume, migrationId);
      const known = warm.get(key);
      if (known) return known;
      const seat = { readOnly: true, capabilities: packCapabilities };
      const made = createWarmVolume({
        volume,
        migrationId,
        mountpoint: blocks ? await mountpointOf(volume) : null,
        residence: () => residence(volume, migrationId, seat),
      });
      warm.set(key, made);
      return made;
    },
    sink: (spec, migrationId) =>
      changesUnpacker({
        volume: spec.name,
        migrationId,
        mountpoint: () => mountpointOf(spec.name),
        recreate: async () => {
          await vacate(keyOf(spec.name, migrationId));
          await removeVolume(api, spec.name, migrationId);
          await createVolume(api, spec, migrationId);
        },
        residence: () => residence(spec.name, migrationId, { readOnly: false, capabilities: unpackCapabilities }),
      }),
    placeOf: (volume, migrationId) => ready.get(keyOf(volume, migrationId))?.place ?? place,
    async release(migrationId) {
      const own = (key: string) => key.startsWith(`${migrationId}/`);
      for (const key of [...warm.keys()].filter(own)) warm.delete(key);
      await Promise.all([...residences.keys()].filter(own).map(vacate));
    },
  };
}
