import { existsSync } from 'node:fs';
import { appendFile, chmod, chown, link, mkdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { failedChecks } from '../support/fleet-rig.ts';
import { run } from '../support/run.ts';
import { compose, containers, docker, inventory, type Project, running } from './two-hosts.ts';
import { describeDocker, useDockerRig } from './use-docker-rig.ts';

/** Both hosts share this machine's file system, so what moves always gets another place. */
const detailOf = (report: Report, check: string) => report.checks.find(({ name }) => name === check)?.detail ?? '';

/** Names, kinds, modes, owners, sizes, times, links and contents. */
const fingerprint = (directory: string) =>
  run('sh', [
    '-c',
    `cd "$1" && find . -printf '%P %y %m %U:%G %s %T@ %n %l\\n' | sort && find . -type f -print0 | sort -z | xargs -0 -r sha256sum`,
    'fingerprint',
    directory,
  ]);

describeDocker('bind mounts on two real Docker hosts', () => {
  const rig = useDockerRig();

  interface Bound extends Project {
    media: string;
    db: string;
    shared: string;
    /** Where each goes. */
    there: (name: string) => string;
    binds: string[];
  }

  /** Three bind mounts outside the project: read-only, written by the app, and one named by a relative path. */
  async function up(name: string, health = 'true'): Promise<Bound> {
    const { dir, hosts, stackAt, up: bringUp } = rig();
    const place = (what: string) => join(dir, `${name}-here`, what);
    const there = (what: string) => join(dir, `${name}-there`, 'a b', what);
    const [media, db, shared] = ['media', 'db', 'shared'].map(place) as [string, string, string];
    for (const path of [media, db, shared]) await mkdir(path, { recursive: true });
    await writeFile(join(media, 'film'), 'f'.repeat(100_000));
    await link(join(media, 'film'), join(media, 'same film'));
    await symlink('film', join(media, 'link'));
    await chmod(join(media, 'film'), 0o640);
    await chown(media, 1000, 1001);
    await utimes(join(media, 'film'), 1_000_000_000, 1_000_000_000);
    await writeFile(join(shared, 'note'), 'shared');
    onTestFinished(async () => {
      for (const path of [join(dir, `${name}-here`), join(dir, `${name}-there`)])
        await rm(path, { recursive: true, force: true });
    });
    const file = `
services:
  app:
    image: sf-busybox:1
    init: true
    command: [sleep, "100000"]
    restart: always
    healthcheck: { test: [CMD-SHELL, ${JSON.stringify(health)}], interval: 1s, retries: 3 }
    volumes:
      - ${media}:/media:ro
      - /etc/localtime:/etc/localtime:ro
      - ${db}:/db
      - ../../${name}-here/shared:/shared
      - data:/data
volumes: { data: {} }
`;
    const project = await bringUp(name, { 'compose.yaml': file });
    await stackAt(name, hosts.a);
    await docker('a', 'exec', `${name}-app-1`, 'sh', '-c', 'echo first >/db/rows; echo v >/data/v');
    const binds = ['media', 'db', 'shared'].map((what) => `${place(what)}=${there(what)}`);
    return { ...project, media, db, shared, there, binds };
  }

  it('R5: three bind mounts move to other places, come back by a rollback, move again and are purged', async () => {
    const { api, hosts, migrate, ended, moved, dir } = rig();
    const { media, db, shared, there, binds, ...project } = await up('films');
    const before = { media: await fingerprint(media), shared: await fingerprint(shared) };
    await docker(
      'a',
      'run',
      '-d',
      '--name',
      'bystander',
      '-v',
      `${join(dir, 'films-here')}:/srv:ro`,
      'sf-busybox:1',
      'sleep',
      '9999',
    );

    const { id } = await migrate('films', hosts.b, { binds });
    expect(await ended(id)).toMatchObject({ status: 'completed' });
    expect(await running('a')).toEqual(['bystander']);
    expect(await fingerprint(there('media'))).toBe(before.media);
    expect(await fingerprint(there('shared'))).toBe(before.shared);
    const inside = (host: 'a' | 'b', command: string) => docker(host, 'exec', 'films-app-1', 'sh', '-c', command);
    expect(await inside('b', 'cat /db/rows /shared/note /data/v; wc -c </media/film')).toBe(
      'first\nshared' + 'v\n100000\n',
    );
    await expect(inside('b', 'touch /media/x')).rejects.toThrow('Read-only');
    // The project keeps the places: an `up` by hand changes nothing.
    const at = { ...moved(project, 'b'), composeFiles: [] };
    const [ids] = [await docker('b', 'ps', '-q')];
    await compose('b', at, 'up', '-d');
    expect(await docker('b', 'ps', '-q')).toBe(ids);
    await inside('b', 'echo second >>/db/rows');

    await api.post<MigrationView>(`/migrations/${id}/rollback`, {});
    expect(await ended(id)).toMatchObject({ status: 'rolled_back', rollback: { failure: null } });
    expect(await inside('a', 'cat /db/rows')).toBe('first\n');
    expect(await fingerprint(media)).toBe(before.media);
    expect(await readFile(join(there('db'), 'rows'), 'utf8')).toBe('first\nsecond\n');
    // What a container mounts is not deleted.
    await docker(
      'b',
      'run',
      '-d',
      '--name',
      'reader',
      '-v',
      `${there('media')}:/r:ro`,
      'sf-busybox:1',
      'sleep',
      '9999',
    );
    const used = await api.delete(`/stacks/films/migrate/${id}/target`).catch((error) => error);
    expect(JSON.stringify(used.body)).toContain('container reader mounts');
    expect(await fingerprint(there('media'))).toBe(before.media);
    await docker('b', 'rm', '-f', 'reader');
    await api.delete(`/stacks/films/migrate/${id}/target`);
    for (const what of ['media', 'db', 'shared']) expect(existsSync(there(what)), what).toBe(false);

    await docker('a', 'rm', '-f', 'bystander');
    const again = await migrate('films', hosts.b, { binds });
    expect(await ended(again.id)).toMatchObject({ status: 'completed' });
    // What somebody changed since stays, and is named; the rest goes.
    await appendFile(join(shared, 'note'), ', changed since');
    const { body } = await api.delete(`/stacks/films/migrate/${again.id}/source`).catch((error) => error);
    expect(JSON.stringify(body)).toContain(shared);
    expect([media, db, shared].map((path) => existsSync(path))).toEqual([false, false, true]);
    // Other data at a path that was purged is not what was moved, however often the purge is repeated.
    await mkdir(media);
    await writeFile(join(media, 'other'), 'other');
    await rm(shared, { recursive: true });
    const repeated = await api.delete(`/stacks/films/migrate/${again.id}/source`).catch((error) => error);
    expect(JSON.stringify(repeated.body)).toContain('no longer what was moved');
    expect(await readFile(join(media, 'other'), 'utf8')).toBe('other');
    expect(await inventory('a')).toEqual([]);
    expect(await inside('b', 'cat /db/rows /shared/note')).toBe('first\nshared');
  }, 300_000);

  it('R5: a bind mount is copied before the stop, under writes, and again whole where that failed', async () => {
    const { api, hosts, migrate, ended } = rig();
    const { db, there, binds } = await up('rows');
    await docker('a', 'exec', 'rows-app-1', 'dd', 'if=/dev/urandom', 'of=/db/big', 'bs=1M', 'count=64');
    const writing =
      'i=0; while :; do i=$((i+1)); echo $i >>/db/rows; dd if=/dev/urandom of=/db/big bs=4096 count=1 seek=$((i % 9000)) conv=notrunc 2>/dev/null; sleep 0.05; done';
    await docker('a', 'exec', '-d', 'rows-app-1', 'sh', '-c', writing);
    const { id } = await migrate('rows', hosts.b, { binds, mode: 'pre-copy' });
    expect(await ended(id)).toMatchObject({ status: 'completed', verify: 'content' });
    expect(await fingerprint(there('db'))).toBe(await fingerprint(db));
    const { items } = (await api.get<MigrationView>(`/migrations/${id}`)).report!.plan!;
    expect(items.filter(({ kind }) => kind === 'bind').map(({ name }) => name)).toContain(db);
  }, 240_000);

  it('R5: a failure on the target leaves nothing of them there, and the source as it was', async () => {
    const { hosts, migrate, ended } = rig();
    const { media, db, there, binds } = await up('ill', '! grep -q sf-b /proc/self/cgroup');
    const before = [await fingerprint(media), await fingerprint(db)];
    const { id } = await migrate('ill', hosts.b, { binds });
    expect(await ended(id)).toMatchObject({ status: 'failed', failure: { code: 'unhealthy' } });
    expect(await running('a')).toEqual(['ill-app-1']);
    expect([await fingerprint(media), await fingerprint(db)]).toEqual(before);
    for (const what of ['media', 'db', 'shared']) expect(existsSync(there(what)), what).toBe(false);
    expect(await inventory('b')).toEqual([]);
  }, 180_000);

  describe('before anything stops', () => {
    it('R5: what is taken, used by others, of the system, or no directory is named', async () => {
      const { hosts, refused, dir } = rig();
      const { media, db, shared, there, binds } = await up('named');
      const before = await containers('a');
      await docker('a', 'run', '-d', '--name', 'reader', '-v', `${db}:/r:ro`, 'sf-busybox:1', 'sleep', '9999');
      await mkdir(there('media'), { recursive: true });
      await writeFile(join(there('media'), 'mine'), 'mine');
      await docker(
        'b',
        'run',
        '-d',
        '--name',
        'owner',
        '-v',
        `${there('media')}:/r:ro`,
        'sf-busybox:1',
        'sleep',
        '9999',
      );

      const report = await refused('named', hosts.b, { binds });
      expect(failedChecks(report)).toEqual(['path_free', 'compose_supported']);
      expect(detailOf(report, 'compose_supported')).toContain(`bind mount ${db} is also used by reader`);
      expect(detailOf(report, 'path_free')).toContain('container owner mounts');

      await docker('b', 'rm', '-f', 'owner');
      const taken = await refused('named', hosts.b, { binds: [`${media}=${there('media')}`] });
      expect(detailOf(taken, 'path_free')).toContain('something is there already');
      for (const place of ['/etc/cron.d/x', '/home/alice/.ssh', join(dir, 'host-b', 'x'), '/var/lib/docker/x']) {
        const system = await refused('named', hosts.b, { binds: [`${shared}=${place}`] });
        expect(detailOf(system, 'path_free'), place).toContain('which belongs to the host');
      }
      expect((await containers('a')).slice(0, before.length)).toEqual(before);
      expect(await readFile(join(there('media'), 'mine'), 'utf8')).toBe('mine');
      expect(await inventory('b')).toEqual([]);
    }, 180_000);
  });
});
