import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../support/run.ts';
import { docker, dockerBinary, type HostName, inventory, running, socketOf } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const forever = ['sf-busybox:1', 'sleep', '100000'];

/** Everything that a person would see of a container, without what is its engine's. */
const settings =
  '{{json .Config.Cmd}} {{json .Config.Healthcheck}} {{json .HostConfig.PortBindings}} ' +
  '{{json .HostConfig.RestartPolicy}} {{json .HostConfig.Memory}} {{json .HostConfig.CapDrop}} {{json .HostConfig.Ulimits}} ' +
  '{{json .HostConfig.Tmpfs}} {{json .HostConfig.ExtraHosts}} {{json .HostConfig.LogConfig}} {{.Config.User}} {{.Config.Hostname}}';

/** Compose writes variables in any order. */
const settingsOf = async (host: HostName, name: string) => [
  (JSON.parse(await docker(host, 'inspect', '-f', '{{json .Config.Env}}', name)) as string[]).toSorted(),
  await docker(host, 'inspect', '-f', settings, name),
];

describeDocker('plain containers on two real Docker hosts', () => {
  const rig = useDockerRig();

  const adopt = (...args: string[]) => {
    const { dir } = rig();
    const own = ['--state', join(dir, 'host-a'), '--docker-socket', socketOf('a'), '--docker-binary', dockerBinary];
    return run(process.execPath, [cli, 'adopt', ...args, ...own]);
  };
  const placeOf = (stack: string) => join(rig().dir, 'stacks-a', stack);

  it('one is listed, becomes a stack by its adoption, moves with its data, comes back, and is purged', async () => {
    const { api, hosts, dir, stackAt, migrate, refused, ended } = rig();
    await docker(
      'a',
      ...['run', '-d', '--name', 'Till.1', '-v', 'tilldata:/data', '-p', '127.0.0.1:18095:80', '--restart', 'always'],
      ...['-e', 'PRICE=$5 or $MORE', '-e', 'SECRET=hunter2', '--memory', '64m', '--cap-drop', 'MKNOD', '--init'],
      ...[
        '--ulimit',
        'nofile=512:1024',
        '--tmpfs',
        '/run:size=1m',
        '--add-host',
        'bank:10.0.0.9',
        '--hostname',
        'till',
      ],
      ...['--health-cmd', 'true', '--health-interval', '1s', '--log-opt', 'max-size=1m', '--cpu-shares', '512'],
      ...['--user', '0:0', '--label', 'team=shop', ...forever],
    );
    await docker('a', 'exec', 'Till.1', 'sh', '-c', 'echo 17 >/data/rows');
    const before = await settingsOf('a', 'Till.1');
    await stackAt('till-1', hosts.a);
    const unadopted = await refused('till-1', hosts.b);
    expect(JSON.stringify(unadopted.checks)).toMatch(/ adopt Till\.1 --state .* writes one/);

    const shown = await adopt('--show', 'Till.1');
    expect(shown).toContain('PRICE=$$5 or $$MORE');
    expect(await adopt('Till.1', '--dir', placeOf('till-1'))).toContain('Adopted as the stack "till-1"');
    expect((await stat(join(placeOf('till-1'), 'compose.yaml'))).mode & 0o777).toBe(0o600);
    const { id } = await migrate('till-1', hosts.b);
    expect(await ended(id)).toMatchObject({ status: 'completed' });
    expect(await running('a')).toEqual([]);
    expect(await settingsOf('b', 'Till.1')).toEqual(before);
    expect(await docker('b', 'exec', 'Till.1', 'cat', '/data/rows')).toBe('17\n');

    const original = await docker('a', 'inspect', '-f', '{{.Id}}', 'Till.1');
    await api.post(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await docker('a', 'inspect', '-f', '{{.Id}}', 'Till.1')).toBe(original);
    expect(await settingsOf('a', 'Till.1')).toEqual(before);
    await api.delete(`/stacks/till-1/migrate/${id}/target`);
    expect(await inventory('b')).toEqual([]);

    const again = await migrate('till-1', hosts.b, { mode: 'pre-copy' });
    expect(await ended(again.id)).toMatchObject({ status: 'completed' });
    await api.delete(`/stacks/till-1/migrate/${again.id}/source`);
    expect(await inventory('a')).toEqual([]);
    for (const host of ['a', 'b']) {
      const log = await readFile(join(dir, `host-${host}`, 'host.log'), 'utf8');
      expect(log).not.toContain('hunter2');
    }
  }, 240_000);

  it('several that share a network, a namespace and a volume become one stack', async () => {
    const { hosts, migrate, stackAt, ended } = rig();
    await docker('a', 'network', 'create', 'inner');
    await docker(
      'a',
      'run',
      '-d',
      '--name',
      'pool',
      '--network',
      'inner',
      '--network-alias',
      'db',
      '-v',
      'pooldata:/d',
      ...forever,
    );
    await docker(
      'a',
      'run',
      '-d',
      '--name',
      'poolside',
      '--network',
      'container:pool',
      '-v',
      'pooldata:/d:ro',
      ...forever,
    );
    await docker('a', 'run', '-d', '--name', 'poolfront', '--network', 'inner', '-v', '/anonymous', ...forever);
    await docker('a', 'exec', 'poolfront', 'sh', '-c', 'echo kept >/anonymous/f');
    await expect(adopt('poolside')).rejects.toThrow('adopt that container with it');
    await adopt('pool', 'poolside', 'poolfront', '--name', 'pools', '--dir', placeOf('pools'));
    await stackAt('pools', hosts.a);

    const { id } = await migrate('pools', hosts.b, { with_external: true });
    expect(await ended(id)).toMatchObject({ status: 'completed', failure: null });
    expect(await running('b')).toEqual(['pool', 'poolfront', 'poolside']);
    expect(await docker('b', 'exec', 'poolfront', 'cat', '/anonymous/f')).toBe('kept\n');
    const mode = await docker('b', 'inspect', '-f', '{{.HostConfig.NetworkMode}}', 'poolside');
    expect(mode).toBe(`container:${await docker('b', 'inspect', '-f', '{{.Id}}', 'pool')}`);
  }, 240_000);

  it('what a Compose file cannot say is named, and what would be lost at a stop is refused', async () => {
    const { up } = rig();
    await docker('a', 'run', '-d', '--name', 'linked', '--blkio-weight', '300', '-P', ...forever);
    await expect(adopt('linked', '--dir', placeOf('linked'))).rejects.toThrow('linked: PublishAllPorts');
    await docker('a', 'run', '-d', '--rm', '--name', 'brief', ...forever);
    await expect(adopt('brief')).rejects.toThrow('started with --rm');
    await up('composed', { 'compose.yaml': 'services: { app: { image: sf-busybox:1, command: [sleep, "1000"] } }\n' });
    await expect(adopt('composed-app-1')).rejects.toThrow('belongs to the stack "composed" already');
    await expect(adopt('absent')).rejects.toThrow('No container "absent" is on this host');
    await expect(adopt('linked', '--name', 'composed', '--accept-losses')).rejects.toThrow('--name');
    await expect(adopt('linked', '--accept-losses', '--dir', '/etc/linked')).rejects.toThrow('reaches /etc');
    expect(await running('a')).toEqual(['brief', 'composed-app-1', 'linked']);
  }, 120_000);
});
