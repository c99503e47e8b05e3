import type { Saga } from '../../schema/saga.ts';
import type { DurableMemory } from './ports.ts';

interface Granted {
  migration_id: string;
  until: number;
}

/**
 * Until when a host may run what it started for a migration, in the object's storage: a grant is recorded before it is
 * answered. The platform lets only the newest instance of an object write, so an instance that was replaced grants nothing,
 * and whatever was granted is seen by whichever instance waits for its end.
 */
export class GrantedLeases {
  readonly #memory: DurableMemory;

  constructor(memory: DurableMemory) {
    this.#memory = memory;
  }

  record(migration_id: string, host: string, until: number): Promise<void> {
    return this.#memory.put(key(host), { migration_id, until } satisfies Granted);
  }

  /** When the last lease of either host ends; null where none was granted. */
  async until({ id, source, target }: Saga): Promise<number | null> {
    const granted = await Promise.all([source, target].map((host) => this.#memory.get(key(host))));
    const ends = (granted as (Granted | undefined)[]).flatMap((lease) =>
      lease?.migration_id === id ? [lease.until] : [],
    );
    return ends.length > 0 ? Math.max(...ends) : null;
  }
}

const key = (host: string) => `lease:${host}`;
