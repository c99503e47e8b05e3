import { describe, expect, test } from 'vitest';
import { awaitHealth } from '../../agent/commands/health.ts';
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
  options: { oneShots?: string[]; services?: string[] } = {},
) {
  let now = 0;
  return awaitHealth({
    services: options.services ?? ['web'],
    oneShots: options.oneShots ?? [],
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
