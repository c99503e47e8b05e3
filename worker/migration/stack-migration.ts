import { DurableObject } from 'cloudflare:workers';
import type { AskReply, ItemProgress, Outcome, RelayAddress } from '../../schema/agent-protocol.ts';
import type { ProgressView } from '../../schema/api.ts';
import type { Resolution } from '../../schema/saga.ts';
import { nudging } from '../drain/nudge.ts';
import type { Env } from '../env.ts';
import { RelayChoice } from '../hosts/relay-choice.ts';
import { connectionOf, drainOf, isOnline } from '../hosts/stubs.ts';
import { d1MigrationStore } from '../store/migration-store.ts';
import { queueEvents } from '../webhooks/dispatch.ts';
import { type ActOutcome, Coordinator } from './coordinator.ts';
import { runPreflight } from './preflight.ts';
import type { StartInput, StartOutcome } from './start.ts';

/** One per stack: the coordinator on the platform's own parts. Nothing is decided here. */
export class StackMigration extends DurableObject<Env> {
  readonly #coordinator = coordinatorOn(this.env, this.ctx);
  readonly #relays = new RelayChoice();

  start(input: StartInput): Promise<StartOutcome> {
    return this.#coordinator.start(input);
  }

  cancel(id: string): Promise<ActOutcome> {
    return this.#coordinator.cancel(id);
  }

  retry(id: string, stopped: boolean): Promise<ActOutcome> {
    return this.#coordinator.retry(id, stopped);
  }

  resolve(id: string, resolution: Resolution): Promise<ActOutcome> {
    return this.#coordinator.resolve(id, resolution);
  }

  rollback(id: string): Promise<ActOutcome> {
    return this.#coordinator.rollback(id);
  }

  purge(id: string, side: 'source' | 'target'): Promise<ActOutcome> {
    return this.#coordinator.purge(id, side);
  }

  remind(id: string): Promise<void> {
    return this.#coordinator.remind(id);
  }

  copySeen(id: string, running: boolean): Promise<void> {
    return this.#coordinator.copySeen(id, running);
  }

  hostDeleted(id: string, host: string): Promise<void> {
    return this.#coordinator.hostDeleted(id, host);
  }

  report(id: string, _host: string, commandId: string, outcome: Outcome): Promise<void> {
    return this.#coordinator.report(id, commandId, outcome);
  }

  progress(id: string, host: string, _commandId: string, items: ItemProgress[]): Promise<void> {
    return this.#coordinator.progress(id, host, items);
  }

  progressOf(id: string): Promise<ProgressView | null> {
    return this.#coordinator.progressOf(id);
  }

  lease(id: string, host: string, epoch: number): Promise<AskReply<'lease'>> {
    return this.#coordinator.lease(id, host, epoch);
  }

  /** Here because both hosts' asks come by: they must be sent to one relay. */
  relayFor(id: string, relays: RelayAddress[], unreachable: string[]): RelayAddress | null {
    return this.#relays.choose(id, relays, unreachable, Date.now());
  }

  /** The repair sweep's and the alarm's one way in. */
  wake(): Promise<void> {
    return this.#coordinator.wake();
  }

  override alarm(): Promise<void> {
    return this.#coordinator.wake();
  }
}

function coordinatorOn(env: Env, ctx: DurableObjectState): Coordinator {
  const { storage } = ctx;
  return new Coordinator({
    store: nudging(
      d1MigrationStore(env.DB, (events) => ctx.waitUntil(queueEvents(env, events))),
      (drain) =>
        ctx.waitUntil(
          drainOf(env, drain)
            .wake()
            .catch(() => null),
        ),
    ),
    hosts: {
      online: (host) => isOnline(env, host),
      deliver: (host, commands) => connectionOf(env, host).deliver(commands),
      deliverOwed: (host) => connectionOf(env, host).deliverOwed(),
      request: (host, kind, payload, timeoutMs) => connectionOf(env, host).request(kind, payload, timeoutMs),
    },
    memory: {
      get: (key) => storage.get(key),
      put: (key, value) => storage.put(key, value),
      delete: (key) => storage.delete(key),
      setAlarm: (at) => storage.setAlarm(at),
      deleteAlarm: () => storage.deleteAlarm(),
    },
    preflight: (row) => {
      const { stack_id, source_host_id, target_host_id, sizing, mode, accept_unmoved } = row;
      const inputs = { stack_id, source_host_id, target_host_id, sizing, mode, accept_unmoved };
      return runPreflight(env, inputs, row.stack_name, row.id);
    },
    background: (work) => ctx.waitUntil(work),
  });
}
