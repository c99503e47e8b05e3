import { expect, it } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import { sleep } from '../../node/sleep.ts';
import type { MigrationView, TrafficView } from '../../schema/api/migrations.ts';
import { run } from '../support/run.ts';
import { clients, page } from './old-address.ts';
import { addressOf, type HostName, netnsOf, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const netns = (host: HostName) => ['--net=/run/netns/'.concat(netnsOf(host))];

/** Docker's rules come and go with its containers: only ours are listed. */
async function ourRules(host: HostName): Promise<string[]> {
  const listed = await Promise.all(
    ['iptables-nft-save', 'ip6tables-nft-save', 'iptables-legacy-save', 'ip6tables-legacy-save'].map((program) =>
      run('nsenter', [...netns(host), program]).catch(() => ''),
    ),
  );
  const tables = await run('nsenter', [...netns(host), 'nft', 'list', 'tables']).catch(() => '');
  return [...listed, tables].flatMap((text) => text.split('\n').filter((line) => line.includes('STACKFERRY')));
}

describeDocker('clients of the old address, between two real Docker hosts', () => {
  const rig = useDockerRig();
  const view = (id: string) => rig().api.get<MigrationView>(`/migrations/${id}`);
  const settled = (id: string) => until(async () => (await view(id)).owed.length === 0, 'what is owed');

  it('are refused nothing by a move and its rollback, and no rule is left after either', async () => {
    const { hosts, up, migrate, ended, api } = rig();
    await up('site', page());
    const moving = await clients();
    const { id } = await migrate('site', hosts.b, { forward: true });
    expect((await ended(id)).failure).toBeNull();
    await settled(id);
    await until(async () => (await api.get<TrafficView>(`/migrations/${id}/traffic`)).held === 0, 'held connections');
    const moved = await moving.ended();
    expect(moved, JSON.stringify(moved)).toMatchObject({ failed: 0 });
    expect(moved.sent).toBeGreaterThan(200);
    expect(await running('b')).toEqual(['site-web-1']);
    const traffic = await api.get<TrafficView>(`/migrations/${id}/traffic`);
    expect(traffic.ports.map(({ port }) => port)).toEqual(expect.arrayContaining([expect.stringMatching(/8080$/)]));
    expect(traffic.sources[0]?.total).toBeGreaterThan(50);

    const returning = await clients();
    await api.post(`/migrations/${id}/rollback`, {});
    await until(async () => (await view(id)).status === 'rolled_back', 'the rollback', 120_000);
    await settled(id);
    const returned = await returning.ended();
    expect(returned, JSON.stringify(returned)).toMatchObject({ failed: 0 });
    expect(await running('a')).toEqual(['site-web-1']);
    expect([await ourRules('a'), await ourRules('b')]).toEqual([[], []]);
  }, 240_000);

  it('are refused nothing by a move whose source has its agent killed while they wait', async () => {
    const { hosts, up, migrate, ended, api } = rig();
    await up('shop', page());
    const moving = await clients();
    const { id } = await migrate('shop', hosts.b, { forward: true });
    await until(async () => (await view(id)).forwarding?.phase === 'holding', 'connections to be held');
    await hosts.a.stop('SIGKILL');
    // As long as nobody but the holder is there.
    await sleep(1_000);
    await hosts.a.restart();
    expect((await ended(id)).failure).toBeNull();
    await settled(id);
    await until(async () => (await api.get<TrafficView>(`/migrations/${id}/traffic`)).held === 0, 'held connections');
    const moved = await moving.ended();
    expect(moved, JSON.stringify(moved)).toMatchObject({ failed: 0 });
    expect(await running('b')).toEqual(['shop-web-1']);
    const { ports } = await api.get<TrafficView>(`/migrations/${id}/traffic`);
    expect(ports.find(({ port }) => /8080$/.test(port))?.total, 'counted over both agents').toBeGreaterThan(200);
    // A purge of the source ends it too.
    await api.delete(`/stacks/shop/migrate/${id}/source`);
    await until(async () => (await view(id)).forwarding?.phase === 'ended', 'the end of forwarding');
    await settled(id);
    expect([await ourRules('a'), await ourRules('b')]).toEqual([[], []]);
  }, 240_000);

  it('are refused nothing by a move that fails', async () => {
    const { hosts, up, migrate, ended } = rig();
    await up('sick', page('! grep -q sf-b /proc/self/cgroup'));
    const trying = await clients();
    const { id } = await migrate('sick', hosts.b, { forward: true });
    expect(await ended(id)).toMatchObject({ status: 'failed', failure: { code: 'unhealthy' } });
    await settled(id);
    const tried = await trying.ended();
    expect(tried, JSON.stringify(tried)).toMatchObject({ failed: 0 });
    expect(await ourRules('a')).toEqual([]);
  }, 180_000);

  it('wait for the next agent when one was killed or stopped, until an operator ends it', async () => {
    const { hosts, up, migrate, ended, api } = rig();
    await up('blog', page());
    const { id } = await migrate('blog', hosts.b, { forward: true });
    await ended(id);
    await settled(id);
    await hosts.a.stop('SIGKILL');
    const waiting = answers();
    await hosts.a.restart();
    expect(await waiting, 'one that came while no agent ran').toBe(true);
    expect(await answers()).toBe(true);
    await hosts.a.stop('SIGTERM');
    const waitingAgain = answers();
    await hosts.a.restart();
    expect(await waitingAgain, 'one that came after an orderly stop').toBe(true);
    await api.delete(`/migrations/${id}/forwarding`);
    await settled(id);
    expect(await ourRules('a')).toEqual([]);
    await expect(fetch(`http://${addressOf.a}:8080/`)).rejects.toThrow();
    expect((await view(id)).forwarding).toMatchObject({ phase: 'ended' });
  }, 180_000);

  const answers = () =>
    fetch(`http://${addressOf.a}:8080/`).then(
      ({ ok }) => ok,
      () => false,
    );
});
