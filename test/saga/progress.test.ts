import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { speedometer } from '../../cli/output/lanes.ts';
import type { ProgressView } from '../../schema/api/migrations.ts';
import { limits } from '../../schema/limits.ts';
import { Coordinator } from '../../worker/saga/migration/coordinator.ts';
import type { CoordinatorPorts, MigrationRow } from '../../worker/saga/migration/ports.ts';
import { newProgress, recordProgress, takeMoved, viewProgress } from '../../worker/saga/migration/progress.ts';
import { newStory, plan, type Story, storyAt } from './story.ts';

const minute = 60_000;
const awaitedPreCopy = (): Story => {
  const story = newStory({ mode: 'pre-copy' });
  story.feed({ type: 'preflight_passed', plan: { ...plan, shipped: [{ ...image, layers_present: 0 }] } });
  story.answer('prepare_source');
  story.answer('prepare_target');
  return story;
};
const image = {
  reference: 'app:1',
  image_id: 'sha256:1',
  repo_digests: [],
  layers: ['sha256:l'],
  os: 'linux',
  arch: 'amd64',
  size_bytes: 1,
};

describe('P23: bytes that move keep a step from running out of time', () => {
  it.each([
    ['images that are sent before the stop', awaitedPreCopy, limits.step.preparingMsMax],
    ['volumes', () => storyAt('transferring'), limits.step.transferringMsMax],
    ['the project directory', () => storyAt('shipping'), limits.step.shippingMsMax],
  ])('%s', (_, begin, msMax) => {
    const story = begin();
    const { status } = story.saga;
    for (let hour = 0; hour < 5; hour++) {
      story.now += msMax * 0.9;
      expect(story.feed({ type: 'moved' })).toBe(true);
      story.pass(0);
    }
    expect(story.saga.status).toBe(status);
    story.pass(msMax + 1);
    expect(story.saga.failure?.code).toBe('command_timeout');
  });

  it('not every report is a transition: only the second half of the time is worth one', () => {
    const story = storyAt('transferring');
    story.now += minute;
    expect(story.feed({ type: 'moved' })).toBe(false);
  });

  it('nothing else is extended by it', () => {
    for (const status of ['stopping', 'deploying', 'verifying', 'reverting', 'completed', 'failed'] as const) {
      const story = storyAt(status);
      story.now += 60 * minute;
      expect(story.feed({ type: 'moved' }), status).toBe(false);
    }
  });
});

describe('P23: the object that coordinates a migration', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  /** Looks every minute for three hours at images that are being sent. */
  async function statusAfter(bytesAt: (minutes: number) => number): Promise<string> {
    vi.setSystemTime(0);
    const { saga } = awaitedPreCopy();
    let row = { id: 'mig_1', stack_id: 'stack_1', status: saga.status, saga, source_host_id: 'host_a' } as MigrationRow;
    row.target_host_id = 'host_b';
    const memory = new Map<string, unknown>([['stack_id', 'stack_1']]);
    const ports = {
      store: {
        load: async () => row,
        waitingOf: async () => [row],
        homeOf: async () => null,
        commit: async (_row: MigrationRow, next: { saga: MigrationRow['saga'] }) => {
          row = { ...row, saga: next.saga, status: next.saga.status };
          return 'committed';
        },
      },
      hosts: { deliver: async () => {}, request: async () => ({ ok: true, data: { state: 'running' } }) },
      memory: {
        get: async (key: string) => memory.get(key),
        put: async (key: string, value: unknown) => memory.set(key, value),
        delete: async (key: string) => memory.delete(key),
        setAlarm: async () => {},
        deleteAlarm: async () => {},
      },
      background: () => {},
    } as unknown as CoordinatorPorts;
    const coordinator = new Coordinator(ports);
    for (let minutes = 1; minutes <= 180; minutes++) {
      vi.setSystemTime(minutes * minute);
      const bytes_done = bytesAt(minutes);
      await coordinator.progress('mig_1', 'host_b', [{ lane: 'images', bytes_done, bytes_total: null }]);
      await coordinator.wake();
    }
    return row.status;
  }

  it('lets a slow copy go on for hours, and ends one that stands still', async () => {
    expect(await statusAfter((minutes) => minutes * 1_000_000)).toBe('preparing');
    expect(await statusAfter(() => 1_000_000)).not.toBe('preparing');
  });
});

describe('R37: progress in numbers that can be', () => {
  const saga = { ...storyAt('transferring').saga };
  saga.results = { prepare_source: { sizes: [{ volume: 'shop_data', bytes: 100 }] } } as typeof saga.results;
  const seen = (...reports: [at: number, done: number, total: number | null][]): ProgressView => {
    const memory = newProgress();
    for (const [at, bytes_done, bytes_total] of reports)
      recordProgress(memory, [{ lane: 'v0', bytes_done, bytes_total }], at);
    return viewProgress(memory, saga, reports.at(-1)![0])!;
  };
  const first = (view: ProgressView) => [view.items[0]!.bytes_done, view.items[0]!.bytes_total];

  it('a volume that grew, or is passed over again, is at most whole', () => {
    expect(first(seen([0, 7_314, 100]))).toEqual([7_314, 7_314]);
    expect(first(seen([0, 7_314, null]))).toEqual([7_314, 7_314]);
  });

  it('one that shrank is whole when it has been carried', () => {
    expect(first(seen([0, 30, 100], [1_000, 40, 40]))).toEqual([40, 40]);
  });

  it('a copy that begins again has no negative rate, and its rate is that of the new one', () => {
    const again = seen([0, 0, null], [1_000, 9_000_000, null], [2_000, 0, null]);
    expect(again.rate).toBeNull();
    expect(seen([0, 9_000_000, null], [1_000, 0, null], [2_000, 5_000, null]).rate).toBe(5_000);
    expect(again.seconds_left).toBeNull();
  });

  it('a transfer that nobody reports any more has no rate and no end in sight', () => {
    const memory = newProgress();
    const report = (at: number, bytes_done: number) =>
      recordProgress(memory, [{ lane: 'v0', bytes_done, bytes_total: 9_000 }], at);
    report(0, 0);
    report(1_000, 1_000);
    expect(viewProgress(memory, saga, 2_000)).toMatchObject({ rate: 1_000 });
    expect(viewProgress(memory, saga, 4_000)).toMatchObject({ rate: 0, seconds_left: null, bytes_done: 1_000 });
    report(4_100, 1_500);
    expect(viewProgress(memory, saga, 4_200)?.rate).toBeGreaterThan(0);
  });

  it('the history has a rate for every five seconds, and zeros for the silent ones', () => {
    const memory = newProgress();
    const report = (at: number, bytes_done: number) =>
      recordProgress(memory, [{ lane: 'v0', bytes_done, bytes_total: null }], at);
    report(0, 0);
    report(2_000, 10_000);
    report(5_000, 20_000);
    report(16_000, 25_000);
    expect(viewProgress(memory, saga, 16_000)?.history).toEqual([4_000, 0, 1_000]);
    for (let at = 20_000; at < 600_000; at += 5_000) report(at, at);
    expect(memory.history).toHaveLength(60);
  });

  it('the command line’s own rates are no different', () => {
    const speed = speedometer();
    const at = (ms: number, bytes: number) => speed.see(seen([0, bytes, null]), ms);
    at(0, 9_000_000);
    at(1_000, 0);
    expect(speed.of('shop_data', 1_000)).toBeNull();
    at(2_000, 5_000);
    expect(speed.of('shop_data', 2_000)).toBe(5_000);
    expect(speed.of('shop_data', 5_000)).toBe(0);
  });

  it('bytes moved is said once for each time that they did', () => {
    const memory = newProgress();
    const report = (bytes_done: number) => recordProgress(memory, [{ lane: 'v0', bytes_done, bytes_total: null }], 0);
    report(0);
    expect(takeMoved(memory)).toBe(false);
    report(5);
    expect([takeMoved(memory), takeMoved(memory)]).toEqual([true, false]);
    report(5);
    expect(takeMoved(memory)).toBe(false);
  });
});
