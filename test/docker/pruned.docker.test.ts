import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { compose, docker, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** Two replicas by `--scale`, two networks, and an image of its own that no registry has. */
const file = `
x-any: &any { image: "own:1", init: true, restart: always, command: [sleep, "100000"] }
services:
  app: { <<: *any, volumes: ["data:/data"], networks: [front, back] }
  worker: { <<: *any, networks: [back] }
volumes: { data: {} }
networks: { front: {}, back: {} }
`;
const all = ['pruned-app-1', 'pruned-worker-1', 'pruned-worker-2'];

async function stackOn(host: 'a' | 'b') {
  const format =
    '{{.Name}} {{.Image}} {{.HostConfig.RestartPolicy.Name}} {{.State.Running}} {{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}';
  const ids = (await docker(host, 'ps', '-aq', '--filter', 'label=com.docker.compose.project=pruned')).split('\n');
  const lines = (await docker(host, 'inspect', '-f', format, ...ids.filter((id) => id !== ''))).trim().split('\n');
  return lines.map((line) => line.trim()).sort();
}
const imageOf = async (name: string) => (await docker('a', 'image', 'inspect', '-f', '{{.Id}}', name)).trim();
const keptTags = async () => (await docker('a', 'images', '--format', '{{.Tag}}', 'stackferry-kept')).trim();
const data = async (host: 'a' | 'b') =>
  docker(host, 'run', '--rm', '-v', 'pruned_data:/v', 'sf-tools:1', 'sha256sum', '/v/big');

describeDocker('a prune on the source, between two real Docker hosts', () => {
  const rig = useDockerRig();

  it('P9 R25 R26 R34: during the copy and inside the window: the way back makes containers, networks and image names again', async () => {
    const { api, hosts, up, migrate, ended } = rig();
    const show = (id: string) => api.get<MigrationView>(`/migrations/${id}`);
    const prune = (...kind: string[]) => docker('a', ...kind, 'prune', '-f');
    // An earlier run may have left one of that name, which is another image.
    for (const host of ['a', 'b'] as const) await docker(host, 'rmi', '-f', 'own:1').catch(() => {});
    await docker('a', 'run', '--name', 'maker', 'sf-busybox:1', 'sh', '-c', 'echo 1 > /version');
    await docker('a', 'commit', 'maker', 'own:1');
    await docker('a', 'rm', 'maker');
    const project = await up('pruned', { 'compose.yaml': file });
    await compose('a', project, 'up', '-d', '--scale', 'worker=2');
    await docker('a', 'exec', 'pruned-app-1', 'dd', 'if=/dev/urandom', 'of=/data/big', 'bs=1M', 'count=30');
    const [before, bytes] = [await stackOn('a'), await data('a')];

    // Everything that does not run, while the data is copied.
    const first = await migrate('pruned', hosts.b, { bandwidth_limit: 1_000_000 });
    await until(async () => (await show(first.id)).status === 'transferring', 'the copy to begin');
    await prune('system');
    await api.post(`/migrations/${first.id}/cancel`, {});
    expect((await ended(first.id)).status).toBe('cancelled');
    expect(await stackOn('a')).toEqual(before);
    expect(await data('a')).toBe(bytes);
    expect(await keptTags()).not.toContain(first.id);

    // Networks only, whose containers stay.
    // A helper that an agent left is no other stack's use of the volume.
    await docker(
      'a',
      'create',
      '--label',
      'dev.stackferry.helper=pack',
      '-v',
      'pruned_data:/v',
      'sf-busybox:1',
      'true',
    );
    const second = await migrate('pruned', hosts.b, { bandwidth_limit: 1_000_000 });
    await until(async () => (await show(second.id)).status === 'transferring', 'the copy to begin');
    await prune('network');
    await api.post(`/migrations/${second.id}/cancel`, {});
    expect((await ended(second.id)).status).toBe('cancelled');
    expect(await stackOn('a')).toEqual(before);

    // Inside the window, when the image has lost its name to a newer one.
    const third = await migrate('pruned', hosts.b);
    expect((await ended(third.id)).failure).toBeNull();
    const own = await imageOf('own:1');
    await docker('a', 'tag', 'sf-busybox:1', 'own:1');
    await prune('system');
    await api.post(`/migrations/${third.id}/rollback`, {});
    expect(await ended(third.id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await running('a')).toEqual(all);
    expect(await stackOn('a')).toEqual(before);
    expect(await imageOf('own:1')).not.toBe(own);
    await api.delete(`/stacks/pruned/migrate/${third.id}/target`);
    await docker('a', 'rmi', 'own:1');
  }, 400_000);

  it('R26: a rollback whose image was deleted is refused by name, and the target runs on untouched', async () => {
    const { api, dir, hosts, up, migrate, ended } = rig();
    const archive = join(dir, 'nginx.tar');
    await up('pruned', {
      'compose.yaml': file
        .replace('own:1', 'sf-nginx:1')
        .replace('command: [sleep, "100000"]', 'command: [sleep, "1000"]'),
    });
    const { id } = await migrate('pruned', hosts.b);
    expect((await ended(id)).failure).toBeNull();
    const there = await stackOn('b');
    expect(there.length).toBe(2);
    await docker('a', 'container', 'prune', '-f');
    const image = await imageOf('sf-nginx:1');
    await docker('a', 'save', '-o', archive, 'sf-nginx:1');
    await docker('a', 'rmi', '-f', image);
    try {
      await api.post(`/migrations/${id}/rollback`, {});
      const back = await ended(id);
      expect(back).toMatchObject({ status: 'completed', rollback: { failure: { phase: 'checking' } } });
      expect(back.rollback?.failure?.message).toContain('image sf-nginx:1');
      expect(await stackOn('b')).toEqual(there);
    } finally {
      await docker('a', 'load', '-i', archive);
    }
  }, 240_000);
});
