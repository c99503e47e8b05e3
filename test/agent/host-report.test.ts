import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import type { Engine } from '../../agent/engine/engine.ts';
import { startHostReports } from '../../agent/host-report.ts';
import type { ControlLink } from '../../node/control-link.ts';
import { createLog } from '../../node/log.ts';
import { limits } from '../../schema/limits.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A host whose stacks change with `stacks`, and what it sends. */
function reporting(stacks: () => unknown[] = () => []) {
  const sent: string[] = [];
  const reports = startHostReports({
    engine: { resources: async () => ({}), stacks: async () => stacks() } as unknown as Engine,
    link: { ready: () => true, report: ({ type }: { type: string }) => sent.push(type) } as unknown as ControlLink,
    leftovers: () => [],
    log: createLog(),
  });
  onTestFinished(() => reports.close());
  const inventories = () => sent.filter((type) => type === 'inventory').length;
  return { reports, sent, inventories };
}

it('C9 an idle host sends at most one message in ten seconds, and far fewer in ten minutes', async () => {
  const { reports, sent, inventories } = reporting();
  reports.now();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sent).toEqual(['inventory', 'metrics']);
  for (let second = 0; second < 600; second += 10) {
    const before = sent.length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent.length - before).toBeLessThanOrEqual(1);
  }
  expect(sent.length).toBeLessThanOrEqual(22);
  expect(inventories()).toBeGreaterThanOrEqual(10);
});

it('C9 what has changed on a host is sent at the next look, and after a welcome everything', async () => {
  let stacks = ['shop'];
  const { reports, inventories } = reporting(() => stacks);
  reports.now();
  await vi.advanceTimersByTimeAsync(limits.control.inventoryIntervalMs);
  expect(inventories()).toBe(1);
  stacks = ['shop', 'blog'];
  await vi.advanceTimersByTimeAsync(limits.control.inventoryIntervalMs);
  expect(inventories()).toBe(2);
  reports.now();
  await vi.advanceTimersByTimeAsync(0);
  expect(inventories()).toBe(3);
});

it('C9 while commands arrive, every look is sent: what an inventory means changes with a migration', async () => {
  const { reports, inventories } = reporting();
  reports.now();
  reports.stir();
  const { inventoryIntervalMs, restlessMs } = limits.control;
  await vi.advanceTimersByTimeAsync(restlessMs - 1);
  expect(inventories()).toBe(restlessMs / inventoryIntervalMs);
});

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
