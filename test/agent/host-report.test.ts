import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Engine } from '../../agent/engine/engine.ts';
import { startHostReports } from '../../agent/host-report.ts';
import type { ControlLink } from '../../node/control-link.ts';
import { createLog } from '../../node/log.ts';
import { limits } from '../../schema/limits.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('P17 a metrics tick reads memory and disk and starts nothing: no pull, no Compose', async () => {
  const reported: string[] = [];
  const asked: string[] = [];
  const asks = (what: string, answer: unknown) => async () => {
    asked.push(what);
    return answer;
  };
  const reports = startHostReports({
    engine: {
      host: asks('host', {}),
      resources: asks('resources', {}),
      stacks: asks('stacks', []),
    } as unknown as Engine,
    link: { ready: () => true, report: ({ type }: { type: string }) => reported.push(type) } as unknown as ControlLink,
    leftovers: () => [],
    log: createLog(),
  });
  await vi.advanceTimersByTimeAsync(limits.control.metricsIntervalMs * 4);
  reports.close();
  expect(reported.filter((type) => type === 'metrics').length).toBeGreaterThanOrEqual(3);
  expect(new Set(asked)).toEqual(new Set(['resources', 'stacks']));
});
