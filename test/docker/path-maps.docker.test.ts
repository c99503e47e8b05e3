import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { composeInManager, inManager, keptFiles, labelOf, startManager, write } from './kept-stack.ts';
import { containers, docker, inventory, running, socketOf } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const inside = (host: 'a' | 'b', container: string, command: string) =>
  docker(host, 'exec', container, 'sh', '-c', command);
const detailOf = (report: Report, check: string) => report.checks.find(({ name }) => name === check)?.detail ?? '';

describeDocker('R19: stacks whose files a manager keeps, on two real Docker hosts', () => {
  const rig = useDockerRig();

  /** A manager with two stacks in its volume, of which the first is up. */
  async function kept(name: string, more = '') {
    const volume = await startManager();
    await write(join(volume, 'compose/7'), keptFiles(name, more));
    await write(join(volume, 'compose/8'), keptFiles(`${name}other`));
    await write(volume, { 'manager.db': 'db' });
    await composeInManager(volume, 'compose/7', 'up', '-d');
    await rig().stackAt(name, rig().hosts.a);
    await inside('a', `${name}-app-1`, 'echo first >/data/rows');
    return { volume, directory: join(volume, 'compose/7') };
  }
  const workingDirOf = async (name: string) =>
    (await rig().api.get<{ summary: { working_dir: string } }>(`/stacks/${name}`)).summary.working_dir;
  const purge = (name: string, id: string, side: 'source' | 'target'): Promise<unknown> =>
    rig()
      .api.delete(`/stacks/${name}/migrate/${id}/${side}`)
      .then(
        () => 'all',
        (error) => error.body,
      );

  it('one moves by the manager’s mount, comes back by a rollback, moves again and is purged out of the volume', async () => {
    const { api, hosts, migrate, ended, dir } = rig();
    const { volume, directory } = await kept('keep');
    expect(existsSync(inManager)).toBe(false);
    expect(await workingDirOf('keep')).toBe(directory);
    const before = await containers('a');

    const { id } = await migrate('keep', hosts.b);
    const end = await ended(id);
    expect(end.status).toBe('completed');
    const { notes } = (await api.get<MigrationView>(`/migrations/${id}`)).report!;
    expect(notes.join()).toContain('Managed by manager: it will no longer see this stack');
    expect(notes.join()).not.toContain('can write to');
    expect(await inside('b', 'keep-app-1', 'cat /data/rows; echo $COLOUR')).toBe('first\ngreen\n');
    const there = join(dir, 'stacks-b/keep');
    expect(await labelOf('b', 'keep-app-1', 'project.working_dir')).toBe(there);
    expect(await readFile(join(there, '.env'), 'utf8')).toBe('COLOUR=green\n');
    expect(await running('a')).toEqual(['manager']);
    await inside('b', 'keep-app-1', 'echo second >>/data/rows');

    await api.post<MigrationView>(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    const stable = (lines: string[]) => lines.map((line) => line.split(' ').slice(0, 4).join(' '));
    expect(stable(await containers('a'))).toEqual(stable(before));
    expect(await inside('a', 'keep-app-1', 'cat /data/rows')).toBe('first\n');
    expect(await purge('keep', id, 'target')).toBe('all');

    const again = await migrate('keep', hosts.b, { mode: 'pre-copy' });
    expect((await ended(again.id)).status).toBe('completed');
    expect(await purge('keep', again.id, 'source')).toBe('all');
    expect(await readdir(join(volume, 'compose'))).toEqual(['8']);
    expect(await readFile(join(volume, 'manager.db'), 'utf8')).toBe('db');
    expect(await inventory('a')).toEqual(['container manager', 'volume manager_data']);
    expect(await inside('b', 'keep-app-1', 'cat /data/rows')).toBe('first\n');
  }, 300_000);

  it('after a prune a rollback makes its containers from the files in the volume, and it moves again', async () => {
    const { api, hosts, migrate, ended } = rig();
    const { directory } = await kept('pruned');
    const { id } = await migrate('pruned', hosts.b);
    expect((await ended(id)).status).toBe('completed');
    await docker('a', 'container', 'prune', '-f');
    await docker('a', 'network', 'prune', '-f');
    await api.post<MigrationView>(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await running('a')).toEqual(['manager', 'pruned-app-1']);
    expect(await labelOf('a', 'pruned-app-1', 'project.working_dir')).toBe(directory);
    expect(await purge('pruned', id, 'target')).toBe('all');
    const again = await migrate('pruned', hosts.b);
    expect((await ended(again.id)).status).toBe('completed');
    expect(await inside('b', 'pruned-app-1', 'cat /data/rows')).toBe('first\n');
  }, 300_000);

  it('without the manager’s container it rolls back all the same', async () => {
    const { api, hosts, migrate, ended } = rig();
    await kept('left');
    const { id } = await migrate('left', hosts.b);
    expect((await ended(id)).status).toBe('completed');
    await docker('a', 'rm', '-f', 'manager');
    await api.post<MigrationView>(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await running('a')).toEqual(['left-app-1']);
  }, 240_000);

  it('a directory that the manager mounts alone moves, and stays where the manager has it', async () => {
    const { hosts, migrate, ended, dir, stackAt } = rig();
    const place = join(dir, 'alone');
    onTestFinished(() => rm(place, { recursive: true, force: true }));
    await write(place, keptFiles('alone'));
    await docker('a', 'run', '-d', '--name', 'mgr', '-v', `${place}:${inManager}`, 'sf-busybox:1', 'sleep', '100000');
    await composeInManager(place, '.', 'up', '-d');
    await stackAt('alone', hosts.a);
    const { id } = await migrate('alone', hosts.b);
    expect((await ended(id)).status).toBe('completed');
    expect(JSON.stringify(await purge('alone', id, 'source'))).toContain('container mgr mounts it');
    expect((await readdir(place)).toSorted()).toEqual(['.env', 'compose.yaml']);
  }, 240_000);

  describe('is refused, and what to do is said', () => {
    it('where two containers have other files there', async () => {
      const { hosts, refused } = rig();
      const { volume } = await kept('twice');
      const other = await startManager('second');
      await write(join(other, 'compose/7'), keptFiles('twice'));
      const detail = detailOf(await refused('twice', hosts.b), 'compose_supported');
      expect(detail).toContain(`--map-path ${inManager}=${volume} (container manager)`);
      expect(detail).toContain(`--map-path ${inManager}=${other} (container second)`);
      expect(await running('a')).toEqual(['manager', 'second', 'twice-app-1']);
    }, 120_000);

    it('where nobody has them any more', async () => {
      const { hosts, refused } = rig();
      await kept('gone');
      await docker('a', 'rm', '-f', 'manager');
      expect(detailOf(await refused('gone', hosts.b), 'compose_supported')).toContain('which is not on this host');
    }, 120_000);

    it('where its data lies at the manager’s path on the host, by a relative bind mount', async () => {
      const { hosts, refused } = rig();
      onTestFinished(() => rm(inManager, { recursive: true, force: true }));
      const { volume } = await kept('relative', ', ./files:/files');
      // The Engine made that directory.
      expect(existsSync(join(inManager, 'compose/7/files'))).toBe(true);
      const detail = detailOf(await refused('relative', hosts.b), 'compose_supported');
      expect(detail).toContain(`--map-path ${inManager}=${volume}`);
    }, 120_000);
  });

  describe('labels that lie', () => {
    const labels = (project: string, directory: string) =>
      Object.entries({
        project,
        service: 'app',
        'container-number': '1',
        oneoff: 'False',
        'project.working_dir': directory,
        'project.config_files': `${directory}/compose.yaml`,
      }).flatMap(([name, value]) => ['--label', `com.docker.compose.${name}=${value}`]);
    /** A container that says to be of that stack in that directory of a manager's. */
    const lie = async (project: string, directory: string, ...more: string[]) => {
      const own = ['--name', `${project}-app-1`, ...labels(project, directory), ...more];
      await docker('a', 'run', '-d', ...own, 'sf-busybox:1', 'sleep', '100000');
      await rig().stackAt(project, rig().hosts.a);
    };

    it('never make a link out of the volume be followed', async () => {
      const { hosts, refused, dir } = rig();
      const volume = await startManager();
      const secret = join(dir, 'secret');
      onTestFinished(() => rm(secret, { recursive: true, force: true }));
      await write(secret, keptFiles('evil'));
      await mkdir(join(volume, 'compose'));
      await symlink(secret, join(volume, 'compose/7'));
      await lie('evil', `${inManager}/compose/7`);
      const report = await refused('evil', hosts.b);
      expect(detailOf(report, 'compose_supported')).toContain('leads out of');
      expect(await workingDirOf('evil')).toBe(`${inManager}/compose/7`);
    }, 120_000);

    it('never lead into the host’s own directories, also if a container mounts them', async () => {
      const { hosts, refused } = rig();
      const mount = `/etc:${inManager}:ro`;
      await docker('a', 'run', '-d', '--name', 'mgr', '-v', mount, 'sf-busybox:1', 'sleep', '100000');
      await lie('liar', `${inManager}/systemd`, '--label', 'com.docker.compose.project.config_files=');
      expect(detailOf(await refused('liar', hosts.b), 'compose_supported')).not.toBe('');
      expect(await workingDirOf('liar')).toBe(`${inManager}/systemd`);
      await docker('a', 'rm', '-f', 'liar-app-1');
      await writeFile('/etc/sf-path-maps.yaml', 'services: {}\n');
      onTestFinished(() => rm('/etc/sf-path-maps.yaml', { force: true }));
      const file = `com.docker.compose.project.config_files=${inManager}/sf-path-maps.yaml`;
      await lie('liar2', inManager, '--label', file);
      expect(detailOf(await refused('liar2', hosts.b), 'compose_supported')).toContain('/etc belongs to this host');
    }, 120_000);

    it('never get another stack’s directory, or the volume, purged', async () => {
      const { hosts, migrate, ended } = rig();
      const { volume, directory } = await kept('victim');
      await write(directory, { 'compose.yaml': keptFiles('victim')['compose.yaml'] });
      await lie('thief', `${inManager}/compose/7`, '--env', 'COLOUR=green', '-v', 'thief_data:/data');
      const { id } = await migrate('thief', hosts.b, { accept_drift: true });
      expect((await ended(id)).status).toBe('completed');
      expect(JSON.stringify(await purge('thief', id, 'source'))).toContain('uses it too');
      expect((await readdir(directory)).toSorted()).toEqual(['.env', 'compose.yaml']);
      expect(await running('a')).toEqual(['manager', 'victim-app-1']);

      await docker('a', 'rm', '-f', 'victim-app-1');
      await write(volume, keptFiles('whole'));
      await lie('whole', inManager, '-v', 'whole_data:/data');
      const all = await migrate('whole', hosts.b, { accept_drift: true });
      expect((await ended(all.id)).status).toBe('completed');
      expect(JSON.stringify(await purge('whole', all.id, 'source'))).toContain('volume manager_data lies there');
      expect(await readFile(join(volume, 'manager.db'), 'utf8')).toBe('db');
    }, 300_000);
  });
});

describeDocker('R19: an agent with --map-path', () => {
  const to = join(dirname(socketOf('a')), 'data/volumes/manager_data/_data');
  const rig = useDockerRig({ agentArguments: ['--map-path', `${inManager}=${to}`] });

  it('moves a stack whose manager is gone', async () => {
    const { hosts, migrate, ended, stackAt } = rig();
    expect(await startManager()).toBe(to);
    await docker('a', 'rm', '-f', 'manager');
    await write(join(to, 'compose/7'), keptFiles('told'));
    await composeInManager(to, 'compose/7', 'up', '-d');
    await stackAt('told', hosts.a);
    await inside('a', 'told-app-1', 'echo first >/data/rows');
    const { id } = await migrate('told', hosts.b);
    expect((await ended(id)).status).toBe('completed');
    expect(await inside('b', 'told-app-1', 'cat /data/rows; echo $COLOUR')).toBe('first\ngreen\n');
  }, 180_000);

  it('refuses one whose data a relative bind mount put at the manager’s path on the host, and names that', async () => {
    const { hosts, refused, stackAt } = rig();
    onTestFinished(() => rm(inManager, { recursive: true, force: true }));
    await startManager();
    await write(join(to, 'compose/7'), keptFiles('apart', ', ./files:/files'));
    await composeInManager(to, 'compose/7', 'up', '-d');
    await stackAt('apart', hosts.a);
    await inside('a', 'apart-app-1', 'echo first >/files/rows');
    const report = await refused('apart', hosts.b, { accept_drift: true, accept_unmoved: true });
    expect(detailOf(report, 'compose_supported')).toContain(`The data in ${inManager}/compose/7/files is not in`);
    expect(await running('a')).toEqual(['apart-app-1', 'manager']);
  }, 180_000);
});
