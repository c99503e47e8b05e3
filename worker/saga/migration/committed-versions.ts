import type { Saga } from '../../../schema/saga.ts';
import type { DurableMemory, MigrationRow } from './ports.ts';

/**
 * Remembers, in the object's storage, the last committed version of each migration. A database with an older version
 * was restored to an earlier moment (for example by D1 Time Travel).
 */
export class CommittedVersions {
  readonly #memory: DurableMemory;

  constructor(memory: DurableMemory) {
    this.#memory = memory;
  }

  async record({ id, steps }: Saga, version: number): Promise<void> {
    await this.#memory.put(key(id), version);
    // A migration that its pre-flight refused changed nothing; a late transition of an older one does not make it the latest.
    if (steps.preparing && id >= ((await this.latest()) ?? '')) await this.#memory.put(latest, id);
  }

  /** The newest migration that changed something on a host. A restored database may list it as waiting for nothing. */
  async latest(): Promise<string | undefined> {
    return (await this.#memory.get(latest)) as string | undefined;
  }

  /** Also true if the restore itself marked the record (`distrust`). */
  async isBehind({ id, version, saga }: Pick<MigrationRow, 'id' | 'version' | 'saga'>): Promise<boolean> {
    const seen = (await this.#memory.get(key(id))) as number | undefined;
    return saga.distrust || (seen ?? 0) > version;
  }
}

const latest = 'latest';
const key = (id: string) => `version:${id}`;
