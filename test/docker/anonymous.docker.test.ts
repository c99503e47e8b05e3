import { expect, it } from 'vitest';
import { compose, docker, type HostName, inventory, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** Two workers with a volume each by the file, and an image that declares two places, of which it fills one. */
const file = {
  'compose.yaml': `
services:
  app: { image: "vols:1", init: true, restart: always, command: [sleep, "100000"] }
  worker: { image: "sf-busybox:1", init: true, command: [sleep, "100000"], volumes: [/work], depends_on: [app] }
`,
};
const all = (name: string) => [`${name}-app-1`, `${name}-worker-1`, `${name}-worker-2`];

const sh = (host: HostName, container: string, script: string) =>
  docker(host, 'exec', container, 'sh', '-c', script).then((out) => out.trim());
const contents = async (host: HostName, name: string) => ({
  app: await sh(host, `${name}-app-1`, 'cd /state && stat -c "%n %a %u %Y" * && cat *'),
  // What the app emptied stays empty, whatever its image has there.
  emptied: await sh(host, `${name}-app-1`, 'ls /filled'),
  workers: await Promise.all([1, 2].map((number) => sh(host, `${name}-worker-${number}`, 'cat /work/mine'))),
});
const mounted = async (host: HostName, name: string) =>
  (await docker(host, 'inspect', '-f', '{{.Name}} {{range .Mounts}}{{.Name}} {{.Destination}} {{end}}', ...all(name)))
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' ').sort().join(' '));

describeDocker('anonymous volumes on two real Docker hosts', () => {
  const rig = useDockerRig();

  async function bringUp(name: string) {
    for (const host of ['a', 'b'] as const) await docker(host, 'rmi', '-f', 'vols:1').catch(() => {});
    await docker(
      'a',
      'run',
      '--name',
      'maker',
      'sf-busybox:1',
      'sh',
      '-c',
      'mkdir /state /filled; echo image >/filled/x',
    );
    await docker('a', 'commit', '-c', 'VOLUME /state', '-c', 'VOLUME /filled', 'maker', 'vols:1');
    await docker('a', 'rm', 'maker');
    const project = await rig().up(name, file);
    await compose('a', project, 'up', '-d', '--scale', 'worker=2');
    await sh('a', `${name}-app-1`, 'echo precious >/state/f; chown 70:70 /state/f; chmod 640 /state/f; rm /filled/x');
    for (const number of [1, 2]) await sh('a', `${name}-worker-${number}`, `echo ${number} >/work/mine`);
    return project;
  }

  it('move, each to the container of its number, come back, and are made again for containers that are gone', async () => {
    const { api, hosts, migrate, ended, moved } = rig();
    const project = await bringUp('anon');
    const [before, mounts] = [await contents('a', 'anon'), await mounted('a', 'anon')];

    const { id } = await migrate('anon', hosts.b);
    expect(await ended(id)).toMatchObject({ status: 'completed', failure: null });
    expect(await contents('b', 'anon')).toEqual(before);
    expect(await mounted('b', 'anon')).toEqual(mounts);
    // Compose finds nothing to change.
    const containers = await docker('b', 'ps', '-q', '--no-trunc');
    await compose('b', moved(project, 'b'), 'up', '-d', '--scale', 'worker=2');
    expect(await docker('b', 'ps', '-q', '--no-trunc')).toBe(containers);

    await docker('a', 'container', 'prune', '-f');
    await api.post(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await running('a')).toEqual(all('anon'));
    expect(await contents('a', 'anon')).toEqual(before);
    await api.delete(`/stacks/anon/migrate/${id}/target`);
    expect(await inventory('b')).toEqual([]);
  }, 240_000);

  it('move by a pre-copy with what was written meanwhile, and are deleted by the purge', async () => {
    const { api, hosts, migrate, ended } = rig();
    await bringUp('warm');
    const before = await contents('a', 'warm');
    const { id } = await migrate('warm', hosts.b, { mode: 'pre-copy' });
    expect(await ended(id)).toMatchObject({ status: 'completed', failure: null });
    expect(await contents('b', 'warm')).toEqual(before);
    await api.delete(`/stacks/warm/migrate/${id}/source`);
    expect(await inventory('a')).toEqual([]);
    expect(await contents('b', 'warm')).toEqual(before);
  }, 240_000);
});
