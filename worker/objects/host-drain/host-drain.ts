import { DurableObject } from 'cloudflare:workers';
import type { DrainRun, DrainStack } from '../../../schema/drain.ts';
import { limits } from '../../../schema/limits.ts';
import { verificationOf } from '../../../schema/migration-status.ts';
import { migrationsOf } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import type { HostDrainRpc, Serves } from '../../rpc.ts';
import { type DrainActOutcome, DrainCoordinator } from '../../saga/drain/coordinator.ts';
import type { DrainRow } from '../../saga/drain/ports.ts';
import { optionsOf } from '../../saga/drain/stack-options.ts';
import { windowMsOf } from '../../saga/migration/safety-window.ts';
import { d1DrainStore } from '../../store/drain-store.ts';
import { queueEvents } from '../../webhooks/dispatch.ts';
import { durableMemory } from '../durable-memory.ts';
import { survey } from './plan-drain.ts';

/** One per drain: binds the coordinator to the platform, without logic of its own. */
export class HostDrain extends DurableObject<Env> implements Serves<HostDrainRpc> {
  readonly #coordinator = coordinatorOn(this.env, this.ctx);

  start(run: DrainRun, requestedBy: string): Promise<'started' | 'busy'> {
    return this.#coordinator.start(run, requestedBy);
  }

  pause(id: string): Promise<DrainActOutcome> {
    return this.#coordinator.pause(id);
  }

  resume(id: string): Promise<DrainActOutcome> {
    return this.#coordinator.resume(id);
  }

  abort(id: string, cancelRunning: boolean): Promise<DrainActOutcome> {
    return this.#coordinator.abort(id, cancelRunning);
  }

  /** Called by the repair sweep, the alarm, and the drain's migrations when they end. */
  wake(): Promise<void> {
    return this.#coordinator.wake();
  }

  override alarm(): Promise<void> {
    return this.#coordinator.wake();
  }
}

function coordinatorOn(env: Env, ctx: DurableObjectState): DrainCoordinator {
  return new DrainCoordinator({
    store: d1DrainStore(env.DB, (events) => ctx.waitUntil(queueEvents(env, events))),
    memory: durableMemory(ctx.storage),
    survey: async (run, stacks) => (await survey(env, run, stacks)).stacks.map(({ choice }) => choice),
    start: (row, stack, target) => startMigration(env, row, stack, target),
    cancel: async ({ id, stack_id }) => {
      await migrationsOf(env, stack_id).cancel(id);
    },
    background: (work) => ctx.waitUntil(work),
  });
}

/** Like `POST …/migrate`, but sized by stack: sized by host, its usage would count again for each stack. */
async function startMigration(
  env: Env,
  row: DrainRow,
  { id, name }: DrainStack,
  target_host_id: string,
): Promise<string | null> {
  const { target: _, mode, ...options } = optionsOf(row.run, name);
  const outcome = await migrationsOf(env, id).start({
    stack_id: id,
    stack_name: name,
    source_host_id: row.host_id,
    target_host_id,
    mode,
    sizing: 'stack',
    ...options,
    verify: verificationOf(mode),
    health_timeout_s: limits.health.timeoutSDefault,
    callback_url: null,
    window_ms: windowMsOf(env.SAFETY_WINDOW_HOURS),
    requested_by: row.requested_by,
    drain_id: row.id,
  });
  return outcome.kind === 'busy' ? outcome.id : null;
}
