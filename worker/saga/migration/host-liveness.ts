import type { Outcome } from '../../../schema/agent-protocol.ts';
import { limits } from '../../../schema/limits.ts';
import type { Saga, SagaCommand } from '../../../schema/saga.ts';
import type { DurableMemory, Hosts } from './ports.ts';

/**
 * Sends commands and detects lost hosts. A host that answers status requests is in contact, however long its commands
 * take. The start of a silence is stored, because an eviction must not restart the clock. A stored clock of another
 * migration, or of an earlier wait, is ignored.
 */
export class HostLiveness {
  readonly #hosts: Hosts;
  readonly #memory: DurableMemory;

  constructor(hosts: Hosts, memory: DurableMemory) {
    this.#hosts = hosts;
    this.#memory = memory;
  }

  /** Undelivered commands stay recorded; the host gets them when it reconnects. */
  async deliver({ id: migration_id, trace_id }: Saga, commands: SagaCommand[]): Promise<void> {
    const hosts = Map.groupBy(commands, ({ host }) => host);
    await Promise.allSettled(
      [...hosts].map(([host, own]) =>
        this.#hosts.deliver(
          host,
          own.map(({ host: _, ...command }) => ({ ...command, migration_id, trace_id })),
        ),
      ),
    );
  }

  async heard(host: string): Promise<void> {
    if (await this.#memory.get(silence(host))) await this.#memory.delete(silence(host));
  }

  /**
   * Returns the hosts with awaited commands that have been silent beyond the limit. Resends commands that a host does
   * not know.
   */
  async lost(saga: Saga): Promise<string[]> {
    const hosts = [...new Set(saga.awaiting.map(({ host }) => host))];
    const silent = await Promise.all(hosts.map((host) => this.#silentMs(saga, host)));
    // If both are silent, the control plane was probably cut off, and the agents continue on their own (F16).
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
      // "done" means that the answer was lost: repeating the command returns the journaled result (F8).
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
  /** Time of the last failed status request. */
  asked_at: number;
}

const silence = (host: string) => `silent:${host}`;
