import type { Outcome } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Saga, SagaCommand } from '../../schema/saga.ts';
import type { Env } from '../env.ts';
import { connectionOf } from '../hosts/stubs.ts';

/**
 * Sends commands, and tells which hosts of a migration are lost. A host that answers for its commands is in contact,
 * however long they take; since when one is silent is kept in storage, because an eviction must not start the clock anew.
 */
export class Contacts {
  readonly #env: Env;
  readonly #storage: DurableObjectStorage;

  constructor(env: Env, storage: DurableObjectStorage) {
    this.#env = env;
    this.#storage = storage;
  }

  /** Undelivered ones stay owed: the host gets them when it is back. */
  async deliver(migration_id: string, commands: SagaCommand[]): Promise<void> {
    const hosts = Map.groupBy(commands, ({ host }) => host);
    await Promise.allSettled(
      [...hosts].map(([host, own]) =>
        connectionOf(this.#env, host).deliver(own.map(({ host: _, ...command }) => ({ ...command, migration_id }))),
      ),
    );
  }

  async heard(host: string): Promise<void> {
    if (await this.#storage.get(silence(host))) await this.#storage.delete(silence(host));
  }

  /** Hosts with awaited commands that have been silent beyond their bound. Commands a host does not know are sent again. */
  async lost(saga: Saga): Promise<string[]> {
    const hosts = [...new Set(saga.awaiting.map(({ host }) => host))];
    const silent = await Promise.all(hosts.map((host) => this.#silentMs(saga, host)));
    // Both at once: it is rather the control plane that was cut off, and the agents go on by themselves (F16).
    const bound =
      silent.every((ms) => ms > 0) && hosts.length > 1 ? limits.control.allLostMsMax : limits.control.agentReturnMsMax;
    return hosts.filter((_, index) => (silent[index] ?? 0) > bound);
  }

  async #silentMs(saga: Saga, host: string): Promise<number> {
    for (const { id } of saga.awaiting.filter((command) => command.host === host)) {
      const outcome: Outcome = await connectionOf(this.#env, host).request(
        'command_status',
        { command_id: id },
        limits.control.statusMsMax,
      );
      if (!outcome.ok) return this.#silentSince(host);
      const { state } = outcome.data as { state: string };
      // "done" means that the answer was lost on its way: a repeat of the command brings the journal's result (F8).
      if (state !== 'running') await connectionOf(this.#env, host).deliverOwed();
    }
    await this.heard(host);
    return 0;
  }

  async #silentSince(host: string): Promise<number> {
    const now = Date.now();
    const since = await this.#storage.get<number>(silence(host));
    if (since !== undefined) return now - since;
    await this.#storage.put(silence(host), now);
    return 1;
  }
}

const silence = (host: string) => `silent:${host}`;
