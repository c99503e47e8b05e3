import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { sleep } from '../sleep.ts';
import { idsOf, runs, servicesOf } from './container-states.ts';
import type { CommandContext } from './context.ts';

/**
 * Puts the recorded containers back, restart policies included, and resolves once each that ran before has been seen
 * running. Where nothing was recorded nothing was stopped, and it only tells what runs.
 */
export async function putBack(project: string, context: CommandContext): Promise<{ running: string[] }> {
  const { engine, ledger, migrationId, signal } = context;
  const { prior, stopped } = ledger.find(migrationId) ?? { prior: null, stopped: null };
  if (!prior) return runningOf(project, context);
  // A stop that was cut off goes on in the engine, and would end what is taken for running: it is brought to its end first.
  if (!stopped) await engine.stop(idsOf((await engine.inspectContainers(idsOf(prior))).filter(runs)), signal);
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
    await sleep(limits.agent.statePollMs, signal);
  }
  return runningOf(project, context);
}

async function runningOf(project: string, { engine }: CommandContext): Promise<{ running: string[] }> {
  return { running: idsOf((await engine.containers(project)).filter(runs)) };
}
