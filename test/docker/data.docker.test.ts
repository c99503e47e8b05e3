import { existsSync } from 'node:fs';
import { link, lstat, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ApiProblem } from '../../cli/api-client.ts';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { failedChecks } from '../support/fleet-rig.ts';
import { run } from '../support/run.ts';
import { inVolume } from './listing.ts';
import { compose, containers, docker, mountpoint, type Project, running, writeProject } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const file = `
services:
  app:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    volumes: ["data:/data", "./files:/files", "./linked:/linked", "/anonymous"]
volumes: { data: {} }
`;

const detailOf = (report: Report) => report.checks.find(({ name }) => name === 'compose_supported')?.detail ?? '';

async function mounted(...args: string[]) {
  const at = args.at(-1)!;
  await mkdir(at, { recursive: true });
  await run('mount', args, {});
  const unmount = () => run('umount', [at], {}).catch(() => {});
  onTestFinished(unmount as () => Promise<void>);
  return unmount;
}

describeDocker('a stack’s data on two real Docker hosts', () => {
  const rig = useDockerRig();

  /** A stack whose project directory is a link to one with a comma in its path. */
  async function upLinked(name: string): Promise<Project & { real: string }> {
    const { dir, hosts, stackAt } = rig();
    const real = join(dir, 'a disk,with a comma', name);
    await writeProject(real, { 'compose.yaml': file, 'files/own': 'own', 'linked/x': 'x' });
    const named = join(dir, 'named', name);
    await mkdir(dirname(named), { recursive: true });
    await symlink(real, named);
    const project = { name, dir: named, composeFiles: [join(named, 'compose.yaml')], real };
    onTestFinished(async () => {
      for (const path of [dirname(named), dirname(real)]) await rm(path, { recursive: true, force: true });
    });
    await compose('a', project, '--project-directory', named, 'up', '-d');
    await stackAt(name, hosts.a);
    return project;
  }

  describe('before anything stops', () => {
    it('P1 P2 P12 R3 R4 R7 R20 R38: all that would be lost, or would go on writing, is named at once', async () => {
      const { hosts, refused, dir } = rig();
      const project = await upLinked('named');
      await docker('a', 'exec', 'named-app-1', 'sh', '-c', 'echo x >/anonymous/x; echo y >/data/y');
      const volume = await mountpoint('a', 'named_data');
      await mounted('-t', 'tmpfs', 'none', join(volume, 'disk'));
      await mkdir(join(dir, 'elsewhere'), { recursive: true });
      await mounted('--bind', join(dir, 'elsewhere'), join(project.real, 'files', 'bound'));
      await rm(join(project.real, 'linked'), { recursive: true });
      await symlink(join(dir, 'elsewhere'), join(project.real, 'linked'));
      await writeFile(join(dir, 'shared.env'), 'A=1\n');
      await symlink(join(dir, 'shared.env'), join(project.real, '.env'));
      await compose('a', project, '--project-directory', project.dir, 'run', '-d', '--name', 'oneoff', 'app');
      const stranger = ['run', '-d', '--name', 'stranger', '-v', `${project.real}/files:/f`];
      await docker('a', ...stranger, 'sf-busybox:1', 'sleep', '100000');
      const before = await containers('a');

      const report = await refused('named', hosts.b);
      expect(failedChecks(report)).toContain('compose_supported');
      const detail = detailOf(report);
      expect(detail).toContain('disk in volume named_data is a mount of its own (tmpfs)');
      expect(detail).toMatch(/files\/bound in .*named\/named is a mount of its own/);
      expect(detail).toContain('oneoff runs beside the stack');
      expect(detail).toContain(`stranger (not of this stack) runs and uses ${project.real}/files`);
      expect(detail).toContain(
        `${project.dir}/.env (which leads to ${dir}/shared.env) lies outside the project directory`,
      );
      expect(report.checks.find(({ name }) => name === 'compose_supported')?.measured.problems).toHaveLength(5);
      expect(report.notes.join()).toContain(`${dir}/elsewhere (by the link ${project.dir}/linked) of service app`);
      expect(await containers('a')).toEqual(before);
    }, 180_000);
  });

  describe('what moved is deleted only where it is still that', () => {
    it('P1 P18 P24 R3 R35: links beyond the tree and commas move, and a purge deletes neither what is mounted there nor a link alone', async () => {
      const { hosts, migrate, ended, api, dir } = rig();
      const project = await upLinked('kept');
      const volume = await mountpoint('a', 'kept_data');
      await writeFile(join(volume, '..', 'outside'), 'linked');
      await link(join(volume, '..', 'outside'), join(volume, 'inside'));
      await link(join(project.real, 'files/own'), join(dir, 'own'));
      const { id } = await migrate('kept', hosts.b);
      expect(await ended(id)).toMatchObject({ status: 'completed', failure: null });
      expect(await inVolume('b', 'kept_data', 'cat /v/inside')).toBe('linked');
      expect(await readFile(join(dir, 'stacks-b/kept/files/own'), 'utf8')).toBe('own');

      const purge = () =>
        api.delete(`/stacks/kept/migrate/${id}/source`).then(
          () => 'deleted',
          (error: ApiProblem) => JSON.stringify(error.body),
        );
      await mkdir(join(dir, 'only copy'), { recursive: true });
      await writeFile(join(dir, 'only copy', 'file'), 'kept');
      const mounts = [
        await mounted('--bind', join(dir, 'only copy'), join(volume, 'disk')),
        await mounted('--bind', join(dir, 'only copy'), join(project.real, 'files')),
      ];
      const said = await purge();
      expect(said).toMatch(/something else is mounted in it, unmount that first: disk/);
      expect(said).toMatch(/something else is mounted in it: .*kept\/files/);
      expect(await readFile(join(dir, 'only copy', 'file'), 'utf8')).toBe('kept');
      expect(await readFile(join(volume, 'inside'), 'utf8')).toBe('linked');
      for (const unmount of mounts) await unmount();

      expect(await purge()).toBe('deleted');
      expect(existsSync(project.real)).toBe(false);
      await expect(lstat(project.dir)).rejects.toThrow();
      expect(await readFile(join(dir, 'own'), 'utf8')).toBe('own');
      expect(await docker('a', 'volume', 'ls', '-q', '--filter', 'name=kept_data')).toBe('');
    }, 240_000);
  });

  describe('at rest', () => {
    it('P2 R7 R27: a stranger that writes during the copy undoes the move, and one-off runs end with the stack that a rollback leaves', async () => {
      const { hosts, migrate, ended, api, moved } = rig();
      const project = await upLinked('rest');
      await docker('a', 'exec', 'rest-app-1', 'dd', 'if=/dev/urandom', 'of=/data/blob', 'bs=1M', 'count=200');
      await docker(
        'a',
        'create',
        '--name',
        'cron',
        '-v',
        'rest_data:/v',
        'sf-busybox:1',
        'sh',
        '-c',
        'echo late >/v/late',
      );
      const spoiled = await migrate('rest', hosts.b, { bandwidth_limit: 40_000_000 }).catch(
        (error: ApiProblem) => error,
      );
      // A container that only exists is named too: the volume leaves it behind.
      expect(spoiled).toBeInstanceOf(ApiProblem);
      await docker('a', 'rm', 'cron');

      const { id } = await migrate('rest', hosts.b, { bandwidth_limit: 40_000_000 });
      const show = (of: string) => api.get<MigrationView>(`/migrations/${of}`);
      await until(async () => (await show(id)).status === 'transferring', 'the copy');
      // It wrote nothing, and is gone before anyone looks: it could have.
      await docker('a', 'run', '--rm', '--name', 'late', '-v', 'rest_data:/v', 'sf-busybox:1', 'true');
      expect(await ended(id)).toMatchObject({
        status: 'failed',
        failure: { code: 'stack_running', message: expect.stringContaining('late') },
      });
      expect(await running('a')).toEqual(['rest-app-1']);

      const again = await migrate('rest', hosts.b);
      expect(await ended(again.id)).toMatchObject({ status: 'completed' });
      const there = moved(project, 'b');
      await compose('b', { ...there, composeFiles: [] }, 'run', '-d', '--name', 'oneoff', 'app');
      await api.post<MigrationView>(`/migrations/${again.id}/rollback`, {});
      expect(await ended(again.id)).toMatchObject({ status: 'rolled_back' });
      expect(await running('b')).toEqual([]);
      expect(await running('a')).toEqual(['rest-app-1']);
      await api.delete(`/stacks/rest/migrate/${again.id}/target`);
      expect(await docker('b', 'ps', '-aq')).toBe('');
    }, 300_000);
  });
});
