import { sleep } from '../../../node/sleep.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { ContainerState } from '../../engine/engine.ts';
import type { CommandContext } from '../runner/context.ts';
import { mayEnd, servicesOf } from './container-states.ts';

/**
 * Resolves once each container has been seen running at least once, or has ended well as a job does, which may take less
 * than a look. Throws `unhealthy` with the services that did neither.
 */
export async function untilSeenRunning(
  containers: { id: string; service: string }[],
  { engine, signal }: Pick<CommandContext, 'engine' | 'signal'>,
): Promise<void> {
  const missing = new Map(containers.map((container) => [container.id, container]));
  const deadline = performance.now() + limits.agent.restoredWaitMsMax;
  while (missing.size > 0) {
    for (const container of await engine.inspectContainers([...missing.keys()]))
      if (container.state === 'running' || endedWell(container)) missing.delete(container.id);
    if (missing.size === 0) return;
    if (performance.now() > deadline)
      throw new StackferryError('unhealthy', `Started, but not seen running: ${servicesOf([...missing.values()])}.`);
    await sleep(limits.agent.statePollMs, signal);
  }
}

/** A service that its restart policy would start again has not ended well. */
const endedWell = ({ state, exit_code, restart_policy }: ContainerState): boolean =>
  state === 'exited' && exit_code === 0 && mayEnd(restart_policy);
