import { sleep } from '../../../node/sleep.ts';
import { limits } from '../../../schema/limits.ts';
import { idsOf, runs } from '../cutover/container-states.ts';
import type { CommandContext } from '../runner/context.ts';

/**
 * Waits until the stack's running containers accept connections at their published ports: a healthcheck may be well before
 * that, and those that waited would come all at once. Goes on after a bounded time, since some apps never do.
 */
export async function untilAccepting(
  project: string,
  { engine, signal }: Pick<CommandContext, 'engine' | 'signal'>,
  msMax: number = limits.forward.acceptingMsMax,
): Promise<void> {
  if (!engine.accepting) return;
  const deadline = performance.now() + msMax;
  for (;;) {
    const accepting = await engine.accepting(idsOf((await engine.containers(project)).filter(runs)));
    if ([...accepting.values()].every(Boolean) || performance.now() > deadline) return;
    await sleep(limits.agent.statePollMs, signal);
  }
}
