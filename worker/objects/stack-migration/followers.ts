import type { MigrationStore } from '../../saga/migration/ports.ts';

/**
 * Wakes the event streams of a migration at each commit. In memory only: after an eviction the streams fall back to their
 * polling.
 */
export class Followers {
  /** Migration → the version committed last. */
  readonly #versions = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  /** Resolves to true once a later version than `seen` is committed, or was already; to false after `msMax`. */
  later(id: string, seen: number, msMax: number): Promise<boolean> {
    if ((this.#versions.get(id) ?? 0) > seen) {
      // Reported once: a database that was restored meanwhile stays behind.
      this.#versions.delete(id);
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const end = (committed: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve(committed);
      };
      const done = () => end(true);
      const timer = setTimeout(() => end(false), msMax);
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
