import { isTerminal } from '../../schema/migration-status.ts';
import type { MigrationStore } from '../migration/ports.ts';

/** A migration that has ended frees its place in its drain at once; a nudge that is lost is made up for by the drain's poll. */
export function nudging(store: MigrationStore, nudge: (drainId: string) => void): MigrationStore {
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
