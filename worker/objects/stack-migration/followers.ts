import type { MigrationStore } from '../../saga/migration/ports.ts';

/**
 * Wakes the event streams of a migration at each commit. In memory only: after an eviction the streams fall back to their
 * polling.
 */
export class Followers {
  /** Migration → the version committed last. */
  readonly #versions = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  /** Resolves once a later version than `seen` is committed, or was already; in any case after `msMax`. */
  later(id: string, seen: number, msMax: number): Promise<void> {
    if ((this.#versions.get(id) ?? 0) > seen) {
      // Reported once: a database that was restored meanwhile stays behind.
      this.#versions.delete(id);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, msMax);
      this.#waiting.add(done);
    });
  }

  /** The store, with commits of which followers are told. */
  watching(store: MigrationStore): MigrationStore {
    return {
      ...store,
      commit: async (row, ...rest) => {
        const outcome = await store.commit(row, ...rest);
        if (outcome === 'committed') this.#committed(row.id, row.version + 1);
        return outcome;
      },
    };
  }

  #committed(id: string, version: number): void {
    this.#versions.set(id, version);
    for (const done of [...this.#waiting]) done();
  }
}
