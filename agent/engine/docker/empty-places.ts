import type { Carried } from './helper.ts';
import { keyOf } from './residences.ts';

/** Places of a target that were made for a migration, and into which nothing was put since: they need not be made anew. */
export interface EmptyPlaces {
  add(mount: Carried, migrationId: string): void;
  /** Whether it was; from now on it is not. */
  take(mount: Carried, migrationId: string): boolean;
  forget(migrationId: string): void;
}

export function createEmptyPlaces(): EmptyPlaces {
  const keys = new Set<string>();
  return {
    add: (mount, migrationId) => void keys.add(keyOf(mount, migrationId)),
    take: (mount, migrationId) => keys.delete(keyOf(mount, migrationId)),
    forget: (migrationId) => {
      for (const key of keys) if (key.startsWith(`${migrationId}/`)) keys.delete(key);
    },
  };
}
