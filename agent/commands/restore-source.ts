import { setTimeout as sleep } from 'node:timers/promises';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { idsOf, runs, servicesOf } from './container-states.ts';
import type { CommandHandler } from './context.ts';

/**
 * Puts the recorded containers back, restart policies included, and answers once each that ran before has been seen
 * running. Where this migration never stopped anything it only reports what runs.
 */
export const restoreSource: CommandHandler<'restore_source'> = async ({ project }, context) => {
  const { engine, ledger, migrationId, signal } = context;
  const prior = ledger.find(migrationId)?.prior ?? null;
  if (prior) {
    await engine.restore(prior, signal);
    const missing = new Map(prior.filter(({ running }) => running).map((container) => [container.id, container]));
    const deadline = performance.now() + limits.agent.restoredWaitMsMax;
    while (missing.size > 0) {
      // Each need be seen only once: a job that ran at the stop may end again at any moment.
      for (const { id, state } of await engine.inspectContainers([...missing.keys()])) {
        if (state === 'running') missing.delete(id);
      }
      if (missing.size === 0) break;
      if (performance.now() > deadline) {
        throw new StackferryError('unhealthy', `Put back, but not seen running: ${servicesOf([...missing.values()])}.`);
      }
      await sleep(limits.agent.statePollMs, undefined, { signal });
    }
    await ledger.amend(migrationId, (entry) => {
      entry.stopped = null;
      entry.retained = false;
    });
  }
  const running = (await engine.containers(project)).filter(runs);
  return { running: idsOf(running) };
};
