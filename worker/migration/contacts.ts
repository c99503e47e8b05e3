import type { Outcome } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Saga, SagaCommand } from '../../schema/saga.ts';
import type { DurableMemory, Hosts } from './ports.ts';

/**
 * Sends commands, and tells which hosts of a migration are lost. A host that answers for its commands is in contact,
 * however long they take; since when one is silent is kept in storage, because an eviction must not restart the clock.
 * Silence counts only while it is listened to: a clock of another migration, or of an earlier wait, says nothing of this one.
 */
export class Contacts {
  readonly #hosts: Hosts;
  readonly #memory: DurableMemory;

  constructor(hosts: Hosts, memory: DurableMemory) {
    this.#hosts = hosts;
    this.#memory = memory;
  }

  /** Undelivered ones stay owed: the host gets them when it is back. */
  async deliver(migration_id: string, commands: SagaCommand[]): Promise<void> {
    const hosts = Map.groupBy(commands, ({ host }) => host);
    await Promise.allSettled(
      [...hosts].map(([host, own]) =>
        this.#hosts.deliver(
          host,
          own.map(({ host: _, ...command }) => ({ ...command, migration_id })),
        ),
      ),
    );
  }

  async heard(host: string): Promise<void> {
    if (await this.#memory.get(silence(host))) await this.#memory.delete(silence(host));
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
      const outcome: Outcome = await this.#hosts.request(
        host,
        'command_status',
        { command_id: id },
        limits.control.statusMsMax,
      );
      if (!outcome.ok) return this.#silentSince(saga.id, host);
      const { state } = outcome.data as { state: string };
      // "done" means that the answer was lost on its way: a repeat of the command brings the journal's result (F8).
      if (state !== 'running') await this.#hosts.deliverOwed(host);
    }
    await this.heard(host);
    return 0;
  }

  async #silentSince(migration_id: string, host: string): Promise<number> {
    const now = Date.now();
    const before = (await this.#memory.get(silence(host))) as Silence | undefined;
    const goesOn = before?.migration_id === migration_id && now - before.asked_at <= limits.control.agentReturnMsMax;
    const since = goesOn ? before.since : now;
    await this.#memory.put(silence(host), { migration_id, since, asked_at: now } satisfies Silence);
    return Math.max(1, now - since);
  }
}

interface Silence {
  migration_id: string;
  since: number;
  /** When it was last asked in vain. */
  asked_at: number;
}

const silence = (host: string) => `silent:${host}`;
