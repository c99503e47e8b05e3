import { access } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ApiProblem } from '../../cli/api-client.ts';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { psql, shop } from './stacks.ts';
import { containers, docker, dockerd, inventory, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

const rows = 'select count(*) from t';
const policies = async (host: 'a' | 'b') =>
  (await containers(host)).map((line) => line.split(' ')).map(([name, , , policy]) => `${name} ${policy}`);

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: unknown) => (error instanceof ApiProblem ? error.code : String(error)),
  );

describeDocker('the safety window between two real Docker hosts', () => {
  describe('while it is open', () => {
    const rig = useDockerRig();

    it('F27 F45 the old copy stays down through a daemon restart, a rollback brings it back as it was, a purge removes the rest', async () => {
      const { api, hosts, up, migrate, ended, moved } = rig();
      const project = await up('shop', shop);
      await docker('a', 'run', '-d', '--name', 'bystander', '-v', 'bystander:/v', 'sf-busybox:1', 'sleep', '10000');
      await psql('a', 'shop-db-1', 'create table t as select i from generate_series(1, 1000) i');
      const before = await containers('a');
      const { id } = await migrate('shop', hosts.b);
      expect((await ended(id)).status).toBe('completed');

      await dockerd('restart', 'a');
      await docker('a', 'start', 'bystander');
      expect(await running('a')).toEqual(['bystander']);
      await psql('b', 'shop-db-1', 'insert into t values (1001)');

      // Someone starts the kept copy: it is reported, and a rollback is refused before anything stops.
      await docker('a', 'start', 'shop-db-1');
      const show = () => api.get<MigrationView>(`/migrations/${id}`);
      await until(async () => (await show()).window?.copy_running === true, 'the running copy to be noticed');
      await docker('a', 'stop', 'shop-db-1');
      await until(async () => (await show()).window?.copy_running === false, 'its stop to be noticed');

      const rolling = await api.post<MigrationView>(`/migrations/${id}/rollback`, {});
      expect(rolling.rollback?.hours_left_behind).toBeGreaterThanOrEqual(0);
      expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
      expect(await running('b')).toEqual([]);
      const stable = (lines: string[]) => lines.map((line) => line.split(' ').slice(0, 4).join(' '));
      expect(stable(await containers('a'))).toEqual(stable(before));
      expect(await psql('a', 'shop-db-1', rows)).toBe('1000');

      // What was written on the target is still there, until it is deleted.
      expect(await inventory('b')).toContain('volume shop_dbdata');
      await api.delete(`/stacks/shop/migrate/${id}/target`);
      expect(await inventory('b')).toEqual([]);
      await expect(access(moved(project, 'b').dir)).rejects.toThrow();
      expect(await running('a')).toEqual(['bystander', 'shop-db-1', 'shop-web-1']);

      // And away again, this time for good.
      const again = await migrate('shop', hosts.b);
      expect((await ended(again.id)).status).toBe('completed');
      await api.delete(`/stacks/shop/migrate/${again.id}/source`);
      await api.delete(`/stacks/shop/migrate/${again.id}/source`);
      expect(await inventory('a')).toEqual(['container bystander', 'volume bystander']);
      await expect(access(project.dir)).rejects.toThrow();
      expect(await codeOf(api.post(`/migrations/${again.id}/rollback`, {}))).toBe('source_purged');
      expect(await psql('b', 'shop-db-1', rows)).toBe('1000');
    }, 300_000);

    it('F32 a rollback to a source that is unhealthy puts the target back, with its policies and its data', async () => {
      const { api, hosts, up, migrate, ended, control } = rig();
      // Well where it is first started and on the target; never again at home.
      const health = 'test ! -e /data/started-at-a || grep -q sf-b /proc/self/cgroup';
      const file = `
services:
  app:
    image: sf-busybox:1
    command: [sh, -c, "test -e /data/n && ! grep -q sf-b /proc/self/cgroup && touch /data/started-at-a; touch /data/n; exec sleep 100000"]
    init: true
    restart: always
    volumes: [data:/data]
    healthcheck: { test: [CMD-SHELL, ${JSON.stringify(health)}], interval: 1s, retries: 3 }
volumes: { data: {} }
`;
      await up('once', { 'compose.yaml': file });
      const { id } = await migrate('once', hosts.b);
      expect((await ended(id)).status).toBe('completed');
      const there = await policies('b');
      await api.post(`/migrations/${id}/rollback`, {});
      const back = await ended(id);
      expect(back).toMatchObject({
        status: 'completed',
        rollback: { failure: { phase: 'proving', code: 'unhealthy' } },
      });
      expect(await running('a')).toEqual([]);
      expect(await running('b')).toEqual(['once-app-1']);
      expect(await policies('b')).toEqual(there);
      await control.tick(new Date(Math.ceil(Date.now() / 3_600_000) * 3_600_000));
      expect((await api.get<MigrationView>(`/migrations/${id}`)).window?.reminded_at).toBeNull();
    }, 240_000);
  });

  describe('once it has passed', () => {
    const rig = useDockerRig({ vars: { SAFETY_WINDOW_HOURS: '0.001' } });

    it('B16 the cleaner reminds once, a rollback is refused, and the purge still works', async () => {
      const { api, hosts, up, migrate, ended, control } = rig();
      await up('shop', shop);
      const { id } = await migrate('shop', hosts.b);
      expect((await ended(id)).status).toBe('completed');
      const show = () => api.get<MigrationView>(`/migrations/${id}`);
      await until(async () => (await show()).window?.open === false, 'the window to close');
      expect(await codeOf(api.post(`/migrations/${id}/rollback`, {}))).toBe('window_closed');
      const hour = Math.ceil(Date.now() / 3_600_000) * 3_600_000;
      for (const at of [hour, hour + 3_600_000]) await control.tick(new Date(at));
      const reminders: string[] = [];
      for await (const event of api.follow(id)) if (event.kind === 'cleanup_due') reminders.push(event.kind);
      expect(reminders).toEqual(['cleanup_due']);
      await api.delete(`/stacks/shop/migrate/${id}/source`);
      expect(await inventory('a')).toEqual([]);
      expect(await running('b')).toEqual(['shop-db-1', 'shop-web-1']);
    }, 240_000);
  });
});
