import { describe, expect, test } from 'vitest';
import { expectedOf } from '../../agent/commands/cutover/expectations.ts';
import { awaitHealth, type Expectation, type HealthWatch } from '../../agent/commands/cutover/health.ts';
import type { ContainerState } from '../../agent/engine/engine.ts';

const container = (change: Partial<ContainerState>): ContainerState => ({
  id: change.service ?? 'web',
  name: 'p-web-1',
  service: 'web',
  state: 'running',
  health: null,
  exit_code: null,
  restart_count: 0,
  started_at: 't0',
  restart_policy: { name: 'no', maximum_retry_count: 0 },
  ...change,
});

/** Watches containers whose state is a function of the seconds that have passed, on a clock that the test owns. */
function watch(
  at: (seconds: number) => Partial<ContainerState>[],
  options: { oneShots?: string[]; services?: string[]; web?: Expectation } & Partial<HealthWatch> = {},
) {
  let now = 0;
  const { oneShots = [], services = ['web'], web = 'well', ...rest } = options;
  const expected = new Map<string, Expectation>(services.map((service) => [service, service === 'web' ? web : 'well']));
  for (const service of oneShots) expected.set(service, 'job');
  return awaitHealth({
    expected,
    look: async () => at(now / 1000).map(container),
    timeoutMs: 60_000,
    settleMs: 5_000,
    signal: new AbortController().signal,
    clock: {
      now: () => now,
      sleep: async (ms) => {
        now += ms;
      },
    },
    ...rest,
  });
}

describe('health', () => {
  test('a service with a healthcheck is well once it is healthy', async () => {
    const well = watch((s) => [{ health: s < 12 ? 'starting' : 'healthy' }]);
    await expect(well).resolves.toEqual([{ service: 'web', state: 'healthy' }]);
  });

  test('F31: a crash-looping container that is running at the moment of the look is caught by the settle time', async () => {
    const byCount = watch((s) => [{ restart_count: Math.floor(s / 3) }]);
    await expect(byCount).rejects.toMatchObject({ code: 'unhealthy', message: expect.stringContaining('"web"') });
    const byStart = watch((s) => [{ started_at: `t${Math.floor(s / 3)}` }]);
    await expect(byStart).rejects.toMatchObject({ code: 'unhealthy' });
    const byState = watch((s) => [{ state: s > 2 ? 'restarting' : 'running' }]);
    await expect(byState).rejects.toMatchObject({ code: 'unhealthy' });
    const byEnd = watch((s) => [s > 4 ? { state: 'exited', exit_code: 1 } : {}]);
    await expect(byEnd).rejects.toMatchObject({ code: 'unhealthy' });
  });

  test('without a healthcheck a container that just runs is well after the settle time', async () => {
    await expect(watch(() => [{}])).resolves.toEqual([{ service: 'web', state: 'running' }]);
  });

  test('one that accepts connections at its ports is well sooner, if it stays so', async () => {
    const asked: string[][] = [];
    let seconds = 0;
    const judged = (accepts: (s: number) => boolean, at: (s: number) => Partial<ContainerState>[] = () => [{}]) =>
      watch(
        (s) => {
          seconds = s;
          return at(s);
        },
        {
          accepting: async (ids) => {
            asked.push(ids);
            return new Map(ids.map((id) => [id, accepts(seconds)]));
          },
        },
      );
    await judged(() => true);
    expect(seconds).toBe(1);
    expect(asked.flat()).toEqual(['web']);
    await judged((s) => s >= 3);
    expect(seconds).toBe(3);
    await judged(() => false);
    expect(seconds).toBe(5);
    const crashing = judged(
      () => true,
      (s) => [{ started_at: `t${Math.floor(s / 0.6)}` }],
    );
    await expect(crashing).rejects.toMatchObject({ code: 'unhealthy' });
    asked.length = 0;
    await judged(
      () => true,
      (s) => [{ health: s < 2 ? 'starting' : 'healthy' }],
    );
    expect(asked.flat()).toEqual([]);
  });

  test('a change of a healthcheck is seen at once, and is not needed', async () => {
    let health: ContainerState['health'] = 'starting';
    let looks = 0;
    const told = Promise.withResolvers<void>();
    const clock = { now: () => 0, sleep: () => new Promise<void>(() => {}) };
    const well = watch(
      () => {
        looks += 1;
        return [{ health }];
      },
      { changed: () => told.promise, clock },
    );
    await new Promise((resolve) => setImmediate(resolve));
    health = 'healthy';
    told.resolve();
    await expect(well).resolves.toEqual([{ service: 'web', state: 'healthy' }]);
    expect(looks).toBe(2);
    const untold = watch((s) => [{ health: s < 12 ? 'starting' : 'healthy' }], {
      changed: () => new Promise(() => {}),
    });
    await expect(untold).resolves.toEqual([{ service: 'web', state: 'healthy' }]);
  });

  test('F32: `unhealthy` fails at once', async () => {
    let looks = 0;
    const failed = watch(() => {
      looks += 1;
      return [{ health: 'unhealthy' }];
    });
    await expect(failed).rejects.toMatchObject({ code: 'unhealthy', message: expect.stringContaining('"web"') });
    expect(looks).toBe(1);
  });

  test('F33: a one-shot service that exits 0 counts as success, 1 as failure', async () => {
    const job = (exit_code: number) =>
      watch(
        (s) => [{ health: 'healthy' }, s < 3 ? { service: 'job' } : { service: 'job', state: 'exited', exit_code }],
        {
          oneShots: ['job'],
        },
      );
    await expect(job(0)).resolves.toContainEqual({ service: 'job', state: 'exited 0' });
    await expect(job(1)).rejects.toMatchObject({ code: 'unhealthy', message: expect.stringContaining('"job"') });
  });

  test('a service that is no job and has exited with 0 has failed all the same', async () => {
    await expect(watch(() => [{ state: 'exited', exit_code: 0 }])).rejects.toMatchObject({ code: 'unhealthy' });
  });

  test('F34: `starting` for ever times out and names the service', async () => {
    const failed = watch(() => [{ health: 'starting' }]);
    await expect(failed).rejects.toMatchObject({
      code: 'health_timeout',
      message: expect.stringContaining('"web" (still starting)'),
    });
  });

  test('a service without any container is waited for, then named', async () => {
    const failed = watch(() => [{ health: 'healthy' }], { services: ['web', 'db'] });
    await expect(failed).rejects.toMatchObject({
      code: 'health_timeout',
      message: expect.stringContaining('"db" (still absent)'),
    });
  });

  test('all must be well in one look: one that was healthy and falls ill while another starts fails', async () => {
    const failed = watch(
      (s) => [{ health: s < 10 ? 'healthy' : 'unhealthy' }, { service: 'db', health: s < 20 ? 'starting' : 'healthy' }],
      {
        services: ['web', 'db'],
      },
    );
    await expect(failed).rejects.toMatchObject({ code: 'unhealthy' });
  });
});

/** An app that ends `crashes` times, half a second after each start, and then runs; the agent starts it. */
function crashing(crashes: number, change: Partial<ContainerState> = {}) {
  const starts: number[] = [];
  let now = 0;
  const at = (): Partial<ContainerState>[] => {
    const startedAt = starts.at(-1) ?? 0;
    const crashed = starts.length < crashes && now - startedAt > 500;
    const run = { ...change, started_at: `t${starts.length}` };
    return [crashed ? { exit_code: 1, ...run, state: 'exited' } : run];
  };
  const watchWith = (restart_policy: ContainerState['restart_policy'], web: Expectation = 'well') => {
    const result = awaitHealth({
      expected: new Map([['web', web]]),
      look: async () => at().map(container),
      policyOf: () => restart_policy,
      start: async () => void starts.push(now),
      timeoutMs: 60_000,
      settleMs: 5_000,
      signal: new AbortController().signal,
      clock: {
        now: () => now,
        sleep: async (ms) => {
          now += ms;
        },
      },
    });
    return { result, starts, now: () => now };
  };
  return watchWith;
}
const always = { name: 'always', maximum_retry_count: 0 };

describe('a service that relies on its restart policy', () => {
  test('P8: an app that exits until its database answers is started again, ever less often, and is well after the settle time in one piece', async () => {
    const { result, starts, now } = crashing(5)(always);
    await expect(result).resolves.toEqual([{ service: 'web', state: 'running' }]);
    expect(starts).toHaveLength(5);
    const waits = starts.slice(1).map((at, n) => at - starts[n]!);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(now() - starts.at(-1)!).toBeGreaterThanOrEqual(5_000);
  });

  test('P8: one that never stops crashing fails at the end of the health timeout, by name', async () => {
    const { result, now } = crashing(1_000)(always);
    await expect(result).rejects.toMatchObject({ message: expect.stringMatching(/"web" .*restarting, \d+ times/) });
    expect(now()).toBeGreaterThanOrEqual(60_000);
  });

  test('P8: without a restart policy a crash fails at once, and on-failure is tried as often as it says', async () => {
    const none = crashing(1)({ name: 'no', maximum_retry_count: 0 });
    await expect(none.result).rejects.toMatchObject({ code: 'unhealthy' });
    expect(none.starts).toEqual([]);
    const thrice = crashing(10)({ name: 'on-failure', maximum_retry_count: 3 });
    await expect(thrice.result).rejects.toMatchObject({
      code: 'unhealthy',
      message: expect.stringContaining('3 restarts'),
    });
    expect(thrice.starts).toHaveLength(3);
    const enough = crashing(3)({ name: 'on-failure', maximum_retry_count: 3 });
    await expect(enough.result).resolves.toEqual([{ service: 'web', state: 'running' }]);
  });

  test('P8: a job that fails until its database answers is started again under on-failure', async () => {
    const { result, starts } = crashing(1_000, { exit_code: 1 })({ name: 'on-failure', maximum_retry_count: 2 }, 'job');
    await expect(result).rejects.toMatchObject({ message: expect.stringContaining('is a job') });
    expect(starts).toHaveLength(2);
  });
});

describe('R33: a service is judged by what it was before', () => {
  test('R33: unhealthy before: it has to run, whatever its healthcheck says', async () => {
    const sick = watch(() => [{ health: 'unhealthy' }], { web: 'running' });
    await expect(sick).resolves.toEqual([{ service: 'web', state: 'unhealthy' }]);
    await expect(watch(() => [{ state: 'exited', exit_code: 1 }], { web: 'running' })).rejects.toMatchObject({
      code: 'unhealthy',
    });
  });

  test('R33: paused before: it is paused again', async () => {
    await expect(watch(() => [{ state: 'paused' }], { web: 'paused' })).resolves.toBeDefined();
    await expect(watch(() => [{}], { web: 'paused' })).rejects.toMatchObject({ code: 'health_timeout' });
  });

  test('R33: stopped, or crashing again and again: nothing is asked of it', async () => {
    const prior = { id: '1', name: 'p-web-1', service: 'web', health: null, image: null, restart_policy: always };
    const looping = expectedOf([{ ...prior, running: true, state: 'restarting' }]);
    expect([...looping]).toEqual([['web', 'anything']]);
    await expect(watch(() => [{ state: 'restarting' }], { web: 'anything' })).resolves.toBeDefined();
    expect([...expectedOf([{ ...prior, running: false, state: 'exited' }])]).toEqual([]);
  });

  test('R24: what ran before and now crashes is not “as before”, a slow healthcheck is', async () => {
    const broken = watch((s) => [{ restart_count: Math.floor(s / 3), restart_policy: always }], {
      startingSuffices: true,
    });
    await expect(broken).rejects.toMatchObject({ code: 'health_timeout', message: expect.stringContaining('"web"') });
    const slow = watch(() => [{ health: 'starting' }], { startingSuffices: true });
    await expect(slow).resolves.toEqual([{ service: 'web', state: 'starting' }]);
  });
});
