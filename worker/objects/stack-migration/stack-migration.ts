import { DurableObject } from 'cloudflare:workers';
import type { AskReply, ItemProgress, Outcome } from '../../../schema/agent-protocol.ts';
import type { ProgressView } from '../../../schema/api/migrations.ts';
import type { RelayAddress } from '../../../schema/commands/parts.ts';
import { moveOptionsOf } from '../../../schema/move-options.ts';
import type { Resolution } from '../../../schema/saga.ts';
import { connectionOf, drainOf, isOnline } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import type { Later, Serves, StackMigrationRpc } from '../../rpc.ts';
import { wakingDrains } from '../../saga/drain/wake-drain.ts';
import { Coordinator } from '../../saga/migration/coordinator.ts';
import type { ActOutcome } from '../../saga/migration/operator-acts.ts';
import type { StartInput, StartOutcome } from '../../saga/migration/start.ts';
import { type ChosenRelay, type RelayOption, RelaySelection } from '../../saga/relay-selection.ts';
import { d1MigrationStore } from '../../store/migration-store.ts';
import { queueEvents } from '../../webhooks/dispatch.ts';
import { durableMemory } from '../durable-memory.ts';
import { Followers } from './followers.ts';
import { runPreflight } from './preflight.ts';

/** One per stack: binds the coordinator to the platform, without logic of its own. */
export class StackMigration extends DurableObject<Env> implements Serves<StackMigrationRpc> {
  readonly #followers = new Followers();
  readonly #coordinator = coordinatorOn(this.env, this.ctx, this.#followers);
  /** Null until it is asked for first. */
  #relays: RelaySelection | null = null;

  start(input: StartInput): Promise<StartOutcome> {
    return this.#coordinator.start(input);
  }

  cancel(id: string, traceId?: string): Promise<ActOutcome> {
    return this.#coordinator.acts.cancel(id, traceId);
  }

  cutover(id: string, at: number | null, traceId?: string): Promise<ActOutcome> {
    return this.#coordinator.acts.cutover(id, at, traceId);
  }

  retry(id: string, stopped: boolean, traceId?: string): Promise<ActOutcome> {
    return this.#coordinator.acts.retry(id, stopped, traceId);
  }

  resolve(id: string, resolution: Resolution, traceId?: string): Promise<ActOutcome> {
    return this.#coordinator.acts.resolve(id, resolution, traceId);
  }

  rollback(id: string, traceId?: string): Promise<ActOutcome> {
    return this.#coordinator.acts.rollback(id, traceId);
  }

  purge(id: string, side: 'source' | 'target', traceId?: string): Promise<ActOutcome> {
    return this.#coordinator.acts.purge(id, side, traceId);
  }

  endForwarding(id: string, traceId?: string): Promise<ActOutcome> {
    return this.#coordinator.acts.endForwarding(id, traceId);
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

  async later(id: string, seen: number, msMax: number): Promise<Later> {
    const committed = await this.#followers.later(id, seen, msMax);
    return { committed, progress: await this.#coordinator.progressOf(id) };
  }

  lease(id: string, host: string, epoch: number): Promise<AskReply<'lease'>> {
    return this.#coordinator.lease(id, host, epoch);
  }

  /** In this object because both hosts ask it: they must use the same relay. */
  async relayFor(id: string, relays: RelayOption[], unreachable: string[]): Promise<RelayAddress | null> {
    const { storage } = this.ctx;
    this.#relays ??= new RelaySelection(await storage.get<ChosenRelay[]>('relays'));
    const selection = this.#relays;
    const before = selection.chosen;
    const relay = selection.choose(id, relays, unreachable, Date.now());
    if (selection.chosen !== before) await storage.put('relays', selection.chosen);
    return relay;
  }

  /** Called by the repair sweep and the alarm. */
  wake(): Promise<void> {
    return this.#coordinator.wake();
  }

  override alarm(): Promise<void> {
    return this.#coordinator.wake();
  }
}

function coordinatorOn(env: Env, ctx: DurableObjectState, followers: Followers): Coordinator {
  return new Coordinator({
    store: wakingDrains(
      followers.watching(d1MigrationStore(env.DB, (events) => ctx.waitUntil(queueEvents(env, events)))),
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
    memory: durableMemory(ctx.storage),
    preflight: (row) => {
      const { stack_id, source_host_id, target_host_id, sizing, mode, saga } = row;
      const inputs = { stack_id, source_host_id, target_host_id, sizing, mode, ...moveOptionsOf(saga) };
      return runPreflight(env, inputs, row.stack_name, row.id, row.bandwidth_limit);
    },
    background: (work) => ctx.waitUntil(work),
  });
}
