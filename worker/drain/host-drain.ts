import { DurableObject } from 'cloudflare:workers';
import type { DrainRun, DrainStack } from '../../schema/drain.ts';
import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { migrationsOf } from '../hosts/stubs.ts';
import { windowMsOf } from '../migration/safety-window.ts';
import { verificationOf } from '../migration/start.ts';
import { d1DrainStore } from '../store/drain-store.ts';
import { queueEvents } from '../webhooks/dispatch.ts';
import { type DrainActOutcome, DrainCoordinator } from './coordinator.ts';
import type { DrainRow } from './ports.ts';
import { survey } from './survey.ts';

/** One per drain: its coordinator on the platform's own parts. Nothing is decided here. */
export class HostDrain extends DurableObject<Env> {
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

  /** Of the repair sweep, the alarm, and the drain's own migrations as they end. */
  wake(): Promise<void> {
    return this.#coordinator.wake();
  }

  override alarm(): Promise<void> {
    return this.#coordinator.wake();
  }
}

function coordinatorOn(env: Env, ctx: DurableObjectState): DrainCoordinator {
  const { storage } = ctx;
  return new DrainCoordinator({
    store: d1DrainStore(env.DB, (events) => ctx.waitUntil(queueEvents(env, events))),
    memory: {
      get: (key) => storage.get(key),
      put: (key, value) => storage.put(key, value),
      delete: (key) => storage.delete(key),
      setAlarm: (at) => storage.setAlarm(at),
      deleteAlarm: () => storage.deleteAlarm(),
    },
    survey: async (run, stacks) => (await survey(env, run, stacks)).stacks.map(({ choice }) => choice),
    start: (row, stack, target) => startMigration(env, row, stack, target),
    cancel: async ({ id, stack_id }) => {
      await migrationsOf(env, stack_id).cancel(id);
    },
    background: (work) => ctx.waitUntil(work),
  });
}

/** As `POST …/migrate` does, sized by the stack: the host's sum would be counted again for each of its stacks. */
async function startMigration(
  env: Env,
  row: DrainRow,
  { id, name }: DrainStack,
  target_host_id: string,
): Promise<string | null> {
  const { mode, accept_unmoved } = row.run;
  const outcome = await migrationsOf(env, id).start({
    stack_id: id,
    stack_name: name,
    source_host_id: row.host_id,
    target_host_id,
    mode,
    sizing: 'stack',
    accept_unmoved,
    verify: verificationOf(mode),
    health_timeout_s: limits.health.timeoutSDefault,
    callback_url: null,
    window_ms: windowMsOf(env.SAFETY_WINDOW_HOURS),
    requested_by: row.requested_by,
    drain_id: row.id,
  });
  return outcome.kind === 'busy' ? outcome.id : null;
}
