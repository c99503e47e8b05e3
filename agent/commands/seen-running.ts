import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { sleep } from '../sleep.ts';
import { servicesOf } from './container-states.ts';
import type { CommandContext } from './context.ts';

/**
 * Resolves once each of these containers has been seen running; once is enough, since a job may end at any moment. Throws
 * `unhealthy` that names the others.
 */
export async function untilSeenRunning(
  containers: { id: string; service: string }[],
  { engine, signal }: Pick<CommandContext, 'engine' | 'signal'>,
): Promise<void> {
  const missing = new Map(containers.map((container) => [container.id, container]));
  const deadline = performance.now() + limits.agent.restoredWaitMsMax;
  while (missing.size > 0) {
    for (const { id, state } of await engine.inspectContainers([...missing.keys()])) {
      if (state === 'running') missing.delete(id);
    }
    if (missing.size === 0) return;
    if (performance.now() > deadline)
      throw new StackferryError('unhealthy', `Started, but not seen running: ${servicesOf([...missing.values()])}.`);
    await sleep(limits.agent.statePollMs, signal);
  }
}
