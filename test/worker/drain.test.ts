import { describe, expect, it } from 'vitest';
import { call } from './support/api.ts';
import { bad, drainFleet, gib, good, stacksOf } from './support/drain-fleet.ts';

describe('the plan of a drain', () => {
  it('says where each stack would go and by which numbers, and why one cannot, and changes nothing', async () => {
    const there = await drainFleet({
      targets: { b: 3 * gib, c: 12 * gib },
      stacks: { small: gib, large: 8 * gib, huge: 20 * gib, pinned: gib / 2 },
      finds: (_, project) => (project === 'pinned' ? { networks_absent: ['lan'] } : {}),
    });
    const { status, body } = await there.drain({ dry_run: true });
    expect(status).toBe(200);
    const planned = Object.fromEntries(body.stacks.map((one: { stack: { name: string } }) => [one.stack.name, one]));
    expect(planned.large).toMatchObject({
      target: { name: 'c' },
      fit: { memory_needed_bytes: Math.ceil(9.6 * gib), memory_free_bytes: 12 * gib },
      why: expect.stringContaining('9.6 GiB of 12.0 GiB'),
    });
    expect(planned.small).toMatchObject({ target: { name: 'b' }, obstacle: null });
    expect(planned.huge).toMatchObject({ target: null, obstacle: { code: 'too_big' } });
    expect(planned.pinned).toMatchObject({ target: null, obstacle: { code: 'preflight_failed' } });
    expect(planned.pinned.why).toMatch(/"b": networks_present: .*"c": networks_present: /);
    expect(body).toMatchObject({ movable: 2, unmovable: 2, host: { name: 'a' } });
    const host = await call('GET', `/api/v1/hosts/${there.idOf('a')}`, { token: there.token });
    expect(host.body.cordoned_at).toBeNull();
    expect(await there.migrations()).toEqual([]);
  });
});

describe('a drain', () => {
  it('of 20 stacks of which two fail leaves those two running at home, and says why', async () => {
    const there = await drainFleet({
      targets: { b: 16 * gib, c: 16 * gib },
      stacks: stacksOf(20, gib / 4),
      outcome: (kind, project) => (kind === 'deploy' && project === 'web-07' ? bad : good(kind)),
      finds: (_, project) => (project === 'web-13' ? { ports_taken: [{ name: '80/tcp', by: 'nginx' }] } : {}),
    });
    const started = await there.drain({ max_parallel: 4 });
    expect(started).toMatchObject({ status: 202, body: { status: 'running', summary: { waiting: 20 } } });
    expect(started.headers.get('location')).toBe(`/api/v1/drains/${started.body.id}`);
    const end = await there.ended(started.body.id);
    expect(end).toMatchObject({ status: 'failed', summary: { moved: 18, stayed: 2, waiting: 0, moving: 0 } });
    const stayed = end.stacks.filter(({ status }: { status: string }) => status === 'stayed');
    expect(Object.fromEntries(stayed.map((one: typeof end) => [one.stack.name, one.obstacle.code]))).toEqual({
      'web-07': 'unhealthy',
      'web-13': 'preflight_failed',
    });
    for (const name of ['web-07', 'web-13']) expect(await there.homeOf(name)).toBe('a');
    expect(['b', 'c']).toContain(await there.homeOf('web-01'));
  }, 90_000);
});
