import type { Tree } from '../../tree.ts';
import { keyOf } from '../helper/helper-pool.ts';

/** Volumes and directories created for a migration and still empty: they need not be recreated. */
export interface FreshTargets {
  add(mount: Tree, migrationId: string): void;
  /** Returns true if the mount was fresh, and marks it as used. */
  take(mount: Tree, migrationId: string): boolean;
  forget(migrationId: string): void;
}

export function createFreshTargets(): FreshTargets {
  const keys = new Set<string>();
  return {
    add: (mount, migrationId) => void keys.add(keyOf(mount, migrationId)),
    take: (mount, migrationId) => keys.delete(keyOf(mount, migrationId)),
    forget: (migrationId) => {
      for (const key of keys) if (key.startsWith(`${migrationId}/`)) keys.delete(key);
    },
  };
}
