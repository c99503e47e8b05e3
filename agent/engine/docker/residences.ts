import { limits } from '../../../schema/limits.ts';
import type { Carried, HelperPlace } from './helper.ts';
import { openResidence, type Residence } from './resident-helper.ts';
import { packCapabilities, unpackCapabilities } from './tar-arguments.ts';

export type Side = 'source' | 'target';

/** The helpers that stay: one for each place that a migration carries, on this side. */
export interface Residences {
  /** The place's helper, opened where it is not there. */
  open(mount: Carried, migrationId: string, side: Side): Promise<Residence>;
  /** Where tasks on it run: its helper that stays, where there is one. */
  placeOf(mount: Carried, migrationId: string): HelperPlace;
  /** An engine lets nothing be removed that a container still uses. */
  vacate(mount: Carried, migrationId: string): Promise<void>;
  /** Until the function it returns is called, no helper of the migration ends for want of jobs. */
  hold(migrationId: string): () => void;
  release(migrationId: string): Promise<void>;
}

export function createResidences(place: HelperPlace): Residences {
  const opening = new Map<string, Promise<Residence>>();
  const ready = new Map<string, Residence>();
  const holds: { migrationId: string }[] = [];
  const close = async (key: string) => {
    const residence = opening.get(key);
    opening.delete(key);
    ready.delete(key);
    await (await residence?.catch(() => null))?.close();
  };
  return {
    open(mount, migrationId, side) {
      const key = keyOf(mount, migrationId);
      const known = opening.get(key);
      if (known && ready.get(key)?.isOpen() !== false) return known;
      const opened = openResidence(place, {
        migrationId,
        purpose: 'resident',
        mount,
        readOnly: side === 'source',
        capabilities: side === 'source' ? packCapabilities : unpackCapabilities,
        idleMsMax: limits.agent.residentIdleMsMax,
        isHeld: () => holds.some((hold) => hold.migrationId === migrationId),
      });
      opening.set(key, opened);
      opened.then(
        (residence) => ready.set(key, residence),
        () => opening.delete(key),
      );
      return opened;
    },
    placeOf(mount, migrationId) {
      const residence = ready.get(keyOf(mount, migrationId));
      return residence?.isOpen() ? residence.place : place;
    },
    hold(migrationId) {
      const hold = { migrationId };
      holds.push(hold);
      return () => void holds.splice(holds.indexOf(hold), 1);
    },
    vacate: (mount, migrationId) => close(keyOf(mount, migrationId)),
    async release(migrationId) {
      const own = [...opening.keys()].filter((key) => key.startsWith(`${migrationId}/`));
      await Promise.all(own.map(close));
    },
  };
}

export const keyOf = (mount: Carried, migrationId: string): string =>
  `${migrationId}/${'volume' in mount ? `volume ${mount.volume}` : `directory ${mount.directory}`}`;
