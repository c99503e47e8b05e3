import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { plain, psql, shop } from './stacks.ts';
import { compose, docker, inventory, running, socketOf } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** Acknowledged one by one: a number is printed after its row was committed. */
const client = 'psql -U postgres -h /var/run/postgresql -qAt -v ON_ERROR_STOP=1';
const writer = `${client} -c 'create table acknowledged (n int)'
  while echo 'insert into acknowledged select coalesce(max(n), 0) + 1 from acknowledged returning n;'; do sleep 0.02; done | ${client}`;

/** Writes rows in host a's database until that stops; `ended` resolves to how many were acknowledged. */
function writeRows(container: string) {
  const child = spawn('/usr/bin/docker', ['-H', `unix://${socketOf('a')}`, 'exec', container, 'sh', '-c', writer]);
  let printed = '';
  child.stdout.on('data', (bytes) => {
    printed += bytes;
  });
  const count = () => printed.trim().split('\n').length;
  const ended = new Promise<number>((resolve) => child.once('close', () => resolve(count())));
  return { count, ended };
}

describeDocker('a migration that holds, between two real Docker hosts', () => {
  const rig = useDockerRig();

  const view = (id: string) => rig().api.get<MigrationView>(`/migrations/${id}`);
  /** Until a pass has arrived since. */
  const passed = (id: string, since = 0) =>
    until(async () => {
      const { status, hold } = await view(id);
      expect(status).toMatch(/preflight|preparing|holding/);
      return status === 'holding' && Date.parse(hold?.last_pass?.ended_at ?? '') > since;
    }, 'a pass of the hold');
  const cutOver = async (id: string) => {
    let notices = '';
    await rig().api.post(`/migrations/${id}/cutover`, {});
    const migration = await rig().ended(id, ({ kind, data }) => {
      if (kind === 'notice') notices += JSON.stringify(data);
    });
    return { migration, notices };
  };

  it('writes go on while it holds, an agent restarts, and after the cutover every acknowledged row is there', async () => {
    const { hosts, up, migrate } = rig();
    await up('shop', shop);
    const rows = writeRows('shop-db-1');
    await until(async () => rows.count() > 20, 'rows to be written');
    const { id } = await migrate('shop', hosts.b, { mode: 'pre-copy', hold: true });
    await passed(id);
    const before = rows.count();
    await until(async () => rows.count() > before + 100, 'more rows');

    // What it remembers of the passes is gone: all is copied once more, before the stop.
    await hosts.a.stop('SIGKILL');
    await hosts.a.restart();
    const { migration, notices } = await cutOver(id);
    expect(migration.failure).toBeNull();
    expect(migration.status).toBe('completed');
    expect(notices).not.toContain('sent again as a whole');
    const acknowledged = await rows.ended;
    expect(acknowledged).toBeGreaterThan(before + 100);
    expect(Number(await psql('b', 'shop-db-1', 'select max(n) from acknowledged'))).toBeGreaterThanOrEqual(
      acknowledged,
    );
    const checked = 'pg_amcheck -h /var/run/postgresql -U postgres --install-missing postgres';
    await docker('b', 'exec', 'shop-db-1', ...checked.split(' '));
    expect(await running('a')).toEqual([]);
  }, 240_000);

  it('carries only what changed in a round, and starts the containers that were made before the stop', async () => {
    const { hosts, up, migrate } = rig();
    await up('large', plain());
    await docker('a', 'exec', 'large-app-1', 'dd', 'if=/dev/urandom', 'of=/data/large', 'bs=1M', 'count=64');
    const { id } = await migrate('large', hosts.b, { mode: 'pre-copy', hold: true });
    await passed(id);
    expect((await view(id)).hold?.last_pass?.bytes).toBeLessThan(1_048_576);
    const created = await docker('b', 'inspect', '-f', '{{.Created}}', 'large-app-1');
    await docker('a', 'exec', 'large-app-1', 'sh', '-c', 'echo late >/data/late');
    const { migration, notices } = await cutOver(id);
    expect([migration.status, notices]).toEqual(['completed', expect.not.stringContaining('again')]);
    expect(await docker('b', 'exec', 'large-app-1', 'cat', '/data/late')).toBe('late\n');
    expect(await docker('b', 'inspect', '-f', '{{.Created}}', 'large-app-1')).toBe(created);
  }, 180_000);

  it('says that its stack was deployed again, does not cut it over, and a cancel leaves nothing and stops nothing', async () => {
    const { hosts, up, migrate, api, ended } = rig();
    const before = await inventory('b');
    const project = await up('app', plain());
    const { id } = await migrate('app', hosts.b, { mode: 'pre-copy', hold: true });
    await passed(id);
    await compose('a', project, 'up', '-d', '--force-recreate');
    const started = await docker('a', 'inspect', '-f', '{{.State.StartedAt}}', 'app-app-1');
    // Notices it at the next pass, a minute or more from now: the cutover's own.
    await api.post(`/migrations/${id}/cutover`, {});
    await until(async () => ((await view(id)).hold?.changes.length ?? 0) > 0, 'the change to be noticed');
    expect(await view(id)).toMatchObject({ status: 'holding', hold: { cutting_over: false } });
    await api.post(`/migrations/${id}/cancel`, {});
    expect((await ended(id)).status).toBe('cancelled');
    await until(async () => (await view(id)).owed.length === 0, 'the clean-up');
    expect(await docker('a', 'inspect', '-f', '{{.State.StartedAt}}', 'app-app-1')).toBe(started);
    expect(await inventory('b')).toEqual(before);
  }, 180_000);
});
