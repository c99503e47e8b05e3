import type { Saga } from '../../../schema/saga.ts';
import type { DurableMemory } from './ports.ts';

interface Granted {
  migration_id: string;
  until: number;
}

/**
 * When the lease of each host ends, in the object's storage. A grant is recorded before it is answered. Only the newest
 * instance of a Durable Object can write, so a replaced instance grants nothing, and the instance that waits for the
 * end of a lease sees every grant.
 */
export class GrantedLeases {
  readonly #memory: DurableMemory;

  constructor(memory: DurableMemory) {
    this.#memory = memory;
  }

  record(migration_id: string, host: string, until: number): Promise<void> {
    return this.#memory.put(key(host), { migration_id, until } satisfies Granted);
  }

  /** Returns when the last lease of either host ends; null if none was granted. */
  async until({ id, source, target }: Saga): Promise<number | null> {
    const granted = await Promise.all([source, target].map((host) => this.#memory.get(key(host))));
    const ends = (granted as (Granted | undefined)[]).flatMap((lease) =>
      lease?.migration_id === id ? [lease.until] : [],
    );
    return ends.length > 0 ? Math.max(...ends) : null;
  }
}

const key = (host: string) => `lease:${host}`;
