import { sleep } from '../../../node/sleep.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { ContainerState } from '../../engine/engine.ts';

/** Paused and restarting containers count as running: they hold files open, or soon will. */
export function runs({ state }: Pick<ContainerState, 'state'>): boolean {
  return state === 'running' || state === 'restarting' || state === 'paused';
}

/** True if this restart policy leaves a container that ended well as it is. */
export function mayEnd({ name }: ContainerState['restart_policy']): boolean {
  return name === 'no' || name === 'on-failure';
}

export function idsOf(containers: { id: string }[]): string[] {
  return containers.map(({ id }) => id);
}

export function servicesOf(containers: { service: string }[]): string {
  return [...new Set(containers.map(({ service }) => service))].join(', ');
}

export function namesOf(containers: { name: string }[]): string {
  return containers.map(({ name }) => name).join(', ');
}

/** Polls until none of the containers runs. Throws `stack_running` with the services that still run. */
export async function untilNoneRuns(look: () => Promise<ContainerState[]>, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + limits.agent.stoppedWaitMsMax;
  for (;;) {
    const running = (await look()).filter(runs);
    if (running.length === 0) return;
    if (performance.now() > deadline) {
      throw new StackferryError('stack_running', `Still running after the stop: ${servicesOf(running)}.`);
    }
    await sleep(limits.agent.statePollMs, signal);
  }
}
