import { access } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { failedChecks } from '../support/fleet-rig.ts';

import { plain } from './stacks.ts';
import { containers, docker, dockerd, inventory, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

describeDocker('two real Docker hosts', () => {
  const rig = useDockerRig();

  const withoutStart = (lines: string[]) => lines.map((line) => line.split(' ').slice(0, 4).join(' '));

  describe('a migration that fails', () => {
    it('F32 an unhealthy target is emptied and the source runs again, the same containers with their policies', async () => {
      const { hosts, up, migrate, ended, moved } = rig();
      const project = await up('sick', plain({ health: '! grep -q sf-b /proc/self/cgroup' }));
      const before = await containers('a');
      const migration = await ended((await migrate('sick', hosts.b)).id);
      expect(migration).toMatchObject({ status: 'failed', failure: { step: 'verifying', code: 'unhealthy' } });
      expect(withoutStart(await containers('a'))).toEqual(withoutStart(before));
      expect(await running('a')).toEqual(['sick-app-1']);
      expect(await inventory('b')).toEqual([]);
      await expect(access(moved(project, 'b').dir)).rejects.toThrow();
    }, 180_000);

    it('F13 a target engine that is killed in mid-transfer costs nothing: the source runs again', async () => {
      const { hosts, up, migrate, ended, api } = rig();
      await up('big', plain());
      await docker('a', 'exec', 'big-app-1', 'dd', 'if=/dev/urandom', 'of=/data/blob', 'bs=1M', 'count=1500');
      const before = await containers('a');
      const { id } = await migrate('big', hosts.b);
      await until(async () => {
        const { status, progress } = await api.get<MigrationView>(`/migrations/${id}`);
        return status !== 'transferring' ? false : (progress?.bytes_done ?? 0) > 0;
      }, 'bytes to move');
      await dockerd('kill', 'b');
      for await (const _ of api.follow(id));
      expect(await running('a')).toEqual(['big-app-1']);
      expect(withoutStart(await containers('a'))).toEqual(withoutStart(before));
      await dockerd('start', 'b');
      const migration = await ended(id);
      expect(migration).toMatchObject({ status: 'failed', failure: { step: 'transferring' } });
      expect(await inventory('b')).toEqual([]);
    }, 240_000);
  });

  describe('F30 what is taken on the target is found by the pre-flight, and nothing is stopped', () => {
    it('a published port', async () => {
      const { hosts, up, refused } = rig();
      await docker('b', 'run', '-d', '--name', 'other', '-p', '8081:80', 'sf-busybox:1', 'sleep', '10000');
      await up('port', plain({ ports: '8081:80' }));
      const before = await containers('a');
      const report = await refused('port', hosts.b);
      expect(failedChecks(report)).toEqual(['ports_free']);
      expect(report.checks.find(({ name }) => name === 'ports_free')?.detail).toContain('8081');
      expect(await containers('a')).toEqual(before);
      expect(await running('b')).toEqual(['other']);
    }, 120_000);

    it('a volume of that name, whose content stays', async () => {
      const { hosts, up, refused } = rig();
      await docker('b', 'run', '--rm', '-v', 'keepsake:/v', 'sf-busybox:1', 'sh', '-c', 'echo mine > /v/file');
      await up('vol', plain({ volume: 'keepsake' }));
      const before = await containers('a');
      expect(failedChecks(await refused('vol', hosts.b))).toContain('volumes_free');
      expect(await containers('a')).toEqual(before);
      expect(await docker('b', 'run', '--rm', '-v', 'keepsake:/v', 'sf-busybox:1', 'cat', '/v/file')).toBe('mine\n');
    }, 120_000);

    it('F47 another stack of that project name, whose containers keep their ids and start times', async () => {
      const { hosts, up, refused } = rig();
      const label = ['--label', 'com.docker.compose.project=twin', '--label', 'com.docker.compose.service=app'];
      await docker('b', 'run', '-d', '--name', 'twin-app-1', ...label, 'sf-busybox:1', 'sleep', '10000');
      const there = await containers('b');
      await up('twin', plain());
      const before = await containers('a');
      expect(failedChecks(await refused('twin', hosts.b, { source_host_id: hosts.a.id }))).toContain('project_free');
      expect(await containers('a')).toEqual(before);
      expect(await containers('b')).toEqual(there);
    }, 120_000);
  });
});
