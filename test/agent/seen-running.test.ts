import { afterEach, expect, it, vi } from 'vitest';
import { untilSeenRunning } from '../../agent/commands/cutover/seen-running.ts';
import type { ContainerState, Engine } from '../../agent/engine/engine.ts';
import { limits } from '../../schema/limits.ts';

afterEach(() => void vi.useRealTimers());

/** One container that is as the test says at each look. */
const seen = (state: Pick<ContainerState, 'state' | 'exit_code'>, name: 'no' | 'on-failure' | 'always') => {
  const container = { id: 'c1', service: 'migrate', ...state, restart_policy: { name, maximum_retry_count: 0 } };
  const engine = { inspectContainers: async () => [container] } as unknown as Engine;
  return untilSeenRunning([container], { engine, signal: new AbortController().signal });
};

it('a job that ended well before anybody looked has run; a service that should run has not', async () => {
  const ended = { state: 'exited', exit_code: 0 } as const;
  await seen(ended, 'no');
  await seen(ended, 'on-failure');
  await seen({ state: 'running', exit_code: null }, 'always');
  vi.useFakeTimers();
  const fails = [seen(ended, 'always'), seen({ state: 'exited', exit_code: 1 }, 'no')].map((one) =>
    expect(one).rejects.toMatchObject({ code: 'unhealthy' }),
  );
  await vi.advanceTimersByTimeAsync(limits.agent.restoredWaitMsMax + 2 * limits.agent.statePollMs);
  await Promise.all(fails);
});
