import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { helperImageLabel } from '../../agent/engine/docker/labels.ts';
import { until } from '../../cli/local/fleet.ts';
import { agentVersion } from '../../node/version.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { plain } from './stacks.ts';
import { docker, type HostName, netnsOf, running, socketOf } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const tag = `stackferry-helper:${agentVersion}`;
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
const made = async (host: HostName) =>
  lines(await docker(host, 'images', '-q', '--no-trunc', '--filter', `label=${helperImageLabel}=${agentVersion}`));
const idOf = async (host: HostName, image: string) =>
  (await docker(host, 'image', 'inspect', '-f', '{{.Id}}', image)).trim();
const remove = async (host: HostName) => {
  await docker(host, 'rmi', '-f', tag).catch(() => '');
  for (const id of new Set(await made(host))) await docker(host, 'rmi', '-f', id);
};

describeDocker('hosts without a helper image, and without a registry', () => {
  // Before the agents are started. On b a stranger has put the name on an image of their own.
  beforeAll(async () => {
    for (const host of ['a', 'b'] as const) await remove(host);
    await docker('b', 'tag', 'sf-busybox:1', tag);
  });
  const rig = useDockerRig();

  it('make one each of their own programs, and a stack moves there and back; a stranger’s image of that name is not run', async () => {
    const { hosts, up, migrate, ended, api } = rig();
    await up('shop', plain());
    const there = await migrate('shop', hosts.b, { mode: 'pre-copy' });
    expect((await ended(there.id)).failure).toBeNull();
    await api.delete(`/stacks/shop/migrate/${there.id}/source`);
    const back = await migrate('shop', hosts.a);
    expect((await ended(back.id)).failure).toBeNull();
    expect(await running('a')).toEqual(['shop-app-1']);

    const ids = { a: await made('a'), b: await made('b') };
    expect([new Set(ids.a).size, new Set(ids.b).size]).toEqual([1, 1]);
    expect(await idOf('a', tag)).toBe(ids.a[0]);
    expect(await idOf('b', tag)).toBe(await idOf('b', 'sf-busybox:1'));
    expect(await idOf('b', `${tag}-${ids.b[0]?.slice(7, 19)}`)).toBe(ids.b[0]);
  }, 200_000);

  it('make it again where it is pruned, at whatever point of a migration', async () => {
    const { hosts, up, migrate, ended, api } = rig();
    await up('again', plain());
    await api.post('/stacks/again/migrate/preflight', { target_host_id: hosts.b.id, sizing: 'stack' });
    const before = [...(await made('a')), ...(await made('b'))];
    const { id } = await migrate('again', hosts.b);
    const status = async () => (await api.get<MigrationView>(`/migrations/${id}`)).status;
    do {
      for (const host of ['a', 'b'] as const)
        await docker(host, 'image', 'prune', '-af', '--filter', `label=${helperImageLabel}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    } while (!['completed', 'failed'].includes(await status()));
    expect((await ended(id)).failure).toBeNull();
    expect(await running('b')).toEqual(['again-app-1']);
    const report = await api.post<Report>('/stacks/again/migrate/preflight', { target_host_id: hosts.a.id });
    expect(report.checks.find(({ name }) => name === 'helper_ready')).toMatchObject({ status: 'pass' });
    expect([...(await made('a')), ...(await made('b'))]).not.toEqual(before);
  }, 200_000);

  it('a host with BusyBox alone says what it lacks, and what to do', async () => {
    const { addHost, api, dir, up } = rig();
    await up('poor', plain());
    const bin = join(dir, 'busybox');
    await mkdir(bin);
    execFileSync('sh', ['-c', `busybox --install -s ${bin}`]);
    const socket = ['--engine', 'docker', '--docker-socket', socketOf('b'), '--docker-binary', '/usr/bin/docker'];
    const poor = await addHost('poor', socket, netnsOf('b'), { PATH: bin });
    const check = async () => {
      const { checks } = await api.post<Report>('/stacks/poor/migrate/preflight', { target_host_id: poor.id });
      return checks.find(({ name }) => name === 'helper_ready');
    };
    // A registry that does not answer is waited for.
    await until(async () => (await check())?.detail.includes('could not be pulled') ?? false, 'the pull to fail');
    expect(await check()).toMatchObject({
      status: 'fail',
      detail: expect.stringMatching(
        /^No helper image on "poor": this host lacks GNU's .*perl.*tar.*\(install coreutils findutils perl tar\); debian.* could not be pulled: .* can be named with --helper-image\.$/,
      ),
    });
  }, 120_000);
});
