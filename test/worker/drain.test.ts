import { describe, expect, it } from 'vitest';
import { mediaMount, plainTree } from '../support/media-mount.ts';
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
    // Four are free there beside the large one, and three on b.
    expect(planned.small).toMatchObject({ target: { name: 'c' }, obstacle: null });
    const packed = (await there.drain({ dry_run: true, pack: true })).body.stacks;
    expect(packed.find((one: { stack: { name: string } }) => one.stack.name === 'small').target.name).toBe('b');
    expect(planned.huge).toMatchObject({ target: null, obstacle: { code: 'too_big' } });
    expect(planned.pinned).toMatchObject({ target: null, obstacle: { code: 'preflight_failed' } });
    expect(planned.pinned.why).toMatch(/"b": networks_present: .*"c": networks_present: /);
    expect(body).toMatchObject({ movable: 2, unmovable: 2, host: { name: 'a' } });
    const host = await call('GET', `/api/v1/hosts/${there.idOf('a')}`, { token: there.token });
    expect(host.body.cordoned_at).toBeNull();
    expect(await there.migrations()).toEqual([]);
  });
});

describe('a drain of a stack with a bind mount outside its project', () => {
  const fleet = (exists: () => boolean = () => false) =>
    drainFleet({
      stacks: { bound: gib },
      says: () => ({ bind_mounts: [mediaMount] }),
      finds: () => ({ bind_mounts: [{ path: mediaMount.source, exists: exists() }] }),
    });
  const absent = expect.stringMatching(/\/srv\/media .*absent on the target/);

  it('P13: leaves it where the target has nothing at that path, in the plan and in the drain, unless that is accepted', async () => {
    const there = await fleet();
    const planned = async (more: object) => (await there.drain({ dry_run: true, ...more })).body.stacks[0];
    expect(await planned({})).toMatchObject({ target: null, obstacle: { code: 'preflight_failed' }, why: absent });
    expect(await planned({ accept_unmoved: true })).toMatchObject({ target: { name: 'b' }, obstacle: null });

    const refused = await there.ended((await there.drain()).body.id);
    expect(refused).toMatchObject({ summary: { moved: 0, stayed: 1 }, stacks: [{ obstacle: { message: absent } }] });
    expect(await there.migrations()).toEqual([]);

    const accepted = await there.ended((await there.drain({ accept_unmoved: true })).body.id);
    expect(accepted).toMatchObject({ status: 'completed', summary: { moved: 1, stayed: 0 } });
  }, 90_000);

  it('R5: plans it where all bind mounts are to move, and completes nothing without proof of their data', async () => {
    const place = {
      place: mediaMount.source,
      free: true,
      detail: '',
      free_bytes: gib,
      filesystem: '1',
      with_volumes: false,
    };
    const there = await drainFleet({
      stacks: { bound: gib },
      says: () => ({
        bind_mounts: [mediaMount],
        bind_trees: [plainTree(mediaMount.source)],
      }),
      finds: () => ({ bind_mounts: [{ path: mediaMount.source, exists: false }], bind_places: [place] }),
    });
    const planned = (await there.drain({ dry_run: true, binds: ['all'] })).body.stacks[0];
    expect(planned).toMatchObject({ target: { name: 'b' }, obstacle: null });
    // These agents know of volumes only.
    const ended = await there.ended((await there.drain({ binds: ['all'] })).body.id);
    const message = 'There is no proof for the bind mount /srv/media.';
    expect(ended).toMatchObject({ binds: ['all'], stacks: [{ status: 'stayed', obstacle: { message } }] });
    const [migration] = await there.migrations();
    expect(migration.report.bind_mounts).toMatchObject([
      { path: mediaMount.source, place: mediaMount.source, obstacle: null },
    ]);
    const refused = await there.drain({ binds: ['/srv/media'] });
    expect(refused.status).toBe(422);
  }, 90_000);

  it('P13: its migration accepts no more than the drain did', async () => {
    const there = await fleet(() => true);
    expect(await there.ended((await there.drain()).body.id)).toMatchObject({ status: 'completed' });
    const [{ id }] = await there.migrations();
    const { body } = await call('GET', `/api/v1/migrations/${id}`, { token: there.token });
    expect(body.report.inputs).toMatchObject({ accept_unmoved: false });
  }, 90_000);
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
