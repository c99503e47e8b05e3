import { isTerminal } from '../../../schema/migration-status.ts';
import type { MigrationStore } from '../migration/ports.ts';

/**
 * Wakes the drain of a migration that ends, to free its place at once. A lost wake is made up for by the drain's poll.
 */
export function wakingDrains(store: MigrationStore, nudge: (drainId: string) => void): MigrationStore {
  return {
    ...store,
    commit: async (row, next, ...rest) => {
      const outcome = await store.commit(row, next, ...rest);
      const ended = isTerminal(next.saga.status) && !isTerminal(row.status);
      if (outcome === 'committed' && ended && row.drain_id) nudge(row.drain_id);
      return outcome;
    },
  };
}
