import { limits } from '../../../../schema/limits.ts';
import type { Tree } from '../../tree.ts';
import { nameOf } from '../helper/helper.ts';

/**
 * What is remembered of trees by migration, for the latest ones: a source is not notified when one ends before the stop.
 */
export interface TreeStore<T> {
  get(tree: Tree, migrationId: string): T | undefined;
  set(tree: Tree, migrationId: string, value: T): Promise<void>;
  /** Returns the value, which then belongs to the caller. */
  take(tree: Tree, migrationId: string): T | undefined;
  forget(migrationId: string): Promise<void>;
}

export function createTreeStore<T>(discard: (value: T) => Promise<void>): TreeStore<T> {
  /** In order of first use. */
  const stored = new Map<string, Map<string, T>>();
  const forget = async (migrationId: string) => {
    const values = [...(stored.get(migrationId)?.values() ?? [])];
    stored.delete(migrationId);
    await Promise.all(values.map(discard));
  };
  const get = (tree: Tree, migrationId: string) => stored.get(migrationId)?.get(nameOf(tree));
  const take = (tree: Tree, migrationId: string) => {
    const value = get(tree, migrationId);
    stored.get(migrationId)?.delete(nameOf(tree));
    return value;
  };
  return {
    get,
    take,
    async set(tree, migrationId, value) {
      const before = take(tree, migrationId);
      stored.set(migrationId, (stored.get(migrationId) ?? new Map<string, T>()).set(nameOf(tree), value));
      if (before !== undefined) await discard(before);
      const [oldest] = stored.keys();
      if (oldest && stored.size > limits.warm.migrationsMax) await forget(oldest);
    },
    forget,
  };
}
