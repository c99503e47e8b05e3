import { limits } from '../../../../schema/limits.ts';
import type { Tree } from '../../tree.ts';
import { packCapabilities, unpackCapabilities } from '../data/tar-arguments.ts';
import type { HelperRuntime } from './helper.ts';
import { openResidentHelper, type PooledHelper } from './resident-helper.ts';

export type Side = 'source' | 'target';

/** Resident helpers of this side: one per volume or directory of a migration. */
export interface HelperPool {
  /** Returns the mount's helper, started if necessary. */
  open(mount: Tree, migrationId: string, side: Side): Promise<PooledHelper>;
  /** Where tasks on the mount run: its resident helper, if there is one. */
  placeOf(mount: Tree, migrationId: string): HelperRuntime;
  /** Stops the mount's helper: the engine removes nothing that a container uses. */
  vacate(mount: Tree, migrationId: string): Promise<void>;
  /** Disables the idle timeout of the migration's helpers until the returned function is called. */
  hold(migrationId: string): () => void;
  release(migrationId: string): Promise<void>;
}

export function createHelperPool(runtime: HelperRuntime): HelperPool {
  const opening = new Map<string, Promise<PooledHelper>>();
  const ready = new Map<string, PooledHelper>();
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
      const opened = openResidentHelper(runtime, {
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
      return residence?.isOpen() ? residence.place : runtime;
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

export const keyOf = (mount: Tree, migrationId: string): string =>
  `${migrationId}/${'volume' in mount ? `volume ${mount.volume}` : `directory ${mount.directory}`}`;
