import { expect, it } from 'vitest';
import { failedChecks } from '../support/fleet-rig.ts';
import { docker, inventory, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const file = {
  'compose.yaml': `
services:
  app:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    volumes: ["library:/library", "data:/data"]
volumes:
  library: { external: true }
  data: {}
`,
};

const onEdge = (health: string) => ({
  'compose.yaml': `
services:
  app:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    healthcheck: { test: [CMD-SHELL, ${JSON.stringify(health)}], interval: 1s, retries: 3 }
    networks: { edge: { ipv4_address: 10.123.7.9 } }
networks: { edge: { external: true } }
`,
});
const edge = [
  ...['--subnet', '10.123.7.0/24', '--ip-range', '10.123.7.128/25', '--gateway', '10.123.7.1', '--internal'],
  ...['--attachable', '-o', 'com.docker.network.driver.mtu=1400', '--label', 'team=web', 'edge'],
];
const settings =
  '{{json .Driver}} {{json .Options}} {{json .IPAM.Config}} {{.Internal}} {{.Attachable}} {{.EnableIPv6}}';
const edgeOn = (host: 'a' | 'b') => docker(host, 'network', 'inspect', '-f', settings, 'edge');

describeDocker('external volumes and networks on two real Docker hosts', () => {
  const rig = useDockerRig();

  it('R6: one that nobody else uses moves if that is wanted, comes back, and is purged', async () => {
    const { api, hosts, up, migrate, refused, ended } = rig();
    await docker('a', 'volume', 'create', 'library');
    await docker('a', 'run', '--rm', '-v', 'library:/v', 'sf-busybox:1', 'sh', '-c', 'echo read me >/v/book');
    await up('reader', file);
    expect(failedChecks(await refused('reader', hosts.b))).toEqual(['compose_supported']);

    const { id } = await migrate('reader', hosts.b, { with_external: true, mode: 'pre-copy' });
    expect(await ended(id)).toMatchObject({ status: 'completed' });
    expect(await docker('b', 'exec', 'reader-app-1', 'cat', '/library/book')).toBe('read me\n');
    await api.post(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await running('a')).toEqual(['reader-app-1']);
    await api.delete(`/stacks/reader/migrate/${id}/target`);
    expect(await inventory('b')).toEqual([]);

    const again = await migrate('reader', hosts.b, { with_external: true });
    expect(await ended(again.id)).toMatchObject({ status: 'completed' });
    await api.delete(`/stacks/reader/migrate/${again.id}/source`);
    expect(await inventory('a')).toEqual([]);
    expect(await docker('b', 'exec', 'reader-app-1', 'cat', '/library/book')).toBe('read me\n');
  }, 240_000);

  it('R6: one that another container uses stays, and so does the stack', async () => {
    const { hosts, up, refused } = rig();
    await docker('a', 'run', '-d', '--name', 'other', '-v', 'library:/v', 'sf-busybox:1', 'sleep', '10000');
    await up('borrower', file);
    const report = await refused('borrower', hosts.b, { with_external: true });
    expect(JSON.stringify(report.checks)).toContain('volume library is also used by other');
    expect(await running('a')).toEqual(['borrower-app-1', 'other']);
  }, 120_000);

  it('R6: a network is made as it is on the source if that is wanted, is purged after a rollback, and stays on the source', async () => {
    const { api, hosts, up, migrate, refused, ended } = rig();
    await docker('a', 'network', 'create', ...edge);
    await up('edged', onEdge('true'));
    const without = await refused('edged', hosts.b);
    expect(failedChecks(without)).toEqual(['networks_present']);
    await docker('b', 'network', 'create', '--subnet', '10.123.0.0/16', 'wide');
    const taken = await refused('edged', hosts.b, { with_external: true });
    expect(JSON.stringify(taken.checks)).toContain('network wide uses it');
    await docker('b', 'network', 'rm', 'wide');

    const { id } = await migrate('edged', hosts.b, { with_external: true });
    expect(await ended(id)).toMatchObject({ status: 'completed' });
    expect(await edgeOn('b')).toBe(await edgeOn('a'));
    const address = '{{.NetworkSettings.Networks.edge.IPAddress}}';
    expect(await docker('b', 'inspect', '-f', address, 'edged-app-1')).toBe('10.123.7.9\n');
    await api.post(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    await api.delete(`/stacks/edged/migrate/${id}/target`);
    expect(await inventory('b')).toEqual([]);

    const again = await migrate('edged', hosts.b, { with_external: true });
    expect(await ended(again.id)).toMatchObject({ status: 'completed' });
    await api.delete(`/stacks/edged/migrate/${again.id}/source`);
    expect(await inventory('a')).toEqual(['network edge']);
  }, 240_000);

  it('R6: a network that a failed move made goes with it', async () => {
    const { hosts, up, migrate, ended } = rig();
    await docker('a', 'network', 'create', ...edge);
    await up('ill', onEdge('! grep -q sf-b /proc/self/cgroup'));
    const failed = { status: 'failed', failure: { code: 'unhealthy' } };
    const { id } = await migrate('ill', hosts.b, { with_external: true });
    expect(await ended(id)).toMatchObject(failed);
    expect(await inventory('b')).toEqual([]);
    expect(await running('a')).toEqual(['ill-app-1']);
  }, 240_000);
});
