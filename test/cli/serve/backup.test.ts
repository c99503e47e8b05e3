import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { writeBackup } from '../../../cli/serve/archive.ts';
import { databasePath } from '../../../cli/serve/snapshot.ts';
import { copyBeforeUpgrade } from '../../../cli/serve/upgrade.ts';
import { agentVersion } from '../../../node/version.ts';
import { call, command, hostNames, refusedServing, startServing, withDir, writer } from './rig.ts';

describe('a backup', () => {
  it('has all that was acknowledged before it while writes go on, and restores to a control plane that says so', () =>
    withDir(async (dir) => {
      const [data, file, copy] = [join(dir, 'data'), join(dir, 'backup.tar.gz'), join(dir, 'copy')];
      const serving = await startServing(data);
      const token = serving.adminToken!;
      const writes = [0, 1, 2].map((at) => writer(serving.url, token, `lane${at}`));
      await sleep(500);
      const before = writes.flatMap(({ acknowledged }) => [...acknowledged]);
      expect(before.length).toBeGreaterThan(0);
      const made = await command(['backup', file, '--data', data, '--json']).ended;
      expect(made).toMatchObject({ code: 0 });
      expect(JSON.parse(made.out)).toMatchObject({ file, version: agentVersion, paused_ms: expect.any(Number) });
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await readdir(dir)).sort()).toEqual(['backup.tar.gz', 'data']);
      // The pause has ended: writes go on.
      const sofar = writes[0]!.acknowledged.length;
      await expect.poll(() => writes[0]!.acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(sofar);
      const again = await command(['backup', file, '--data', data]).ended;
      expect(again).toMatchObject({ code: 2, err: expect.stringContaining('a backup never overwrites a file') });
      await Promise.all(writes.map(({ stop }) => stop()));
      expect(await serving.stop()).toBe(0);

      const restored = await command(['restore', file, '--data', copy]).ended;
      expect(restored).toMatchObject({ code: 0, out: expect.stringContaining(`stackferry serve --data ${copy}`) });
      const filled = await command(['restore', file, '--data', copy]).ended;
      expect(filled).toMatchObject({
        code: 4,
        err: expect.stringContaining('is not empty; a restore replaces nothing'),
      });
      const second = await startServing(copy);
      await expect.poll(() => second.run.err()).toContain('was restored from the backup of');
      const names = new Set(await hostNames(second.url, token));
      expect(before.filter((name) => !names.has(name))).toEqual([]);
      const { items } = (await (await call(second.url, token, '/audit?act=restore')).json()) as { items: unknown[] };
      expect(items).toMatchObject([
        { act: 'restore', actor: { kind: 'operator' }, objects: { version: agentVersion } },
      ]);
      expect(await second.stop()).toBe(0);
      // Told once.
      const third = await startServing(copy);
      expect(third.run.err()).not.toContain('was restored');
      expect(await third.stop()).toBe(0);

      const offline = await command(['backup', join(dir, 'offline.tar.gz'), '--data', copy, '--json']).ended;
      expect(JSON.parse(offline.out)).toMatchObject({ paused_ms: 0 });
    }));

  it('is restored whole or not at all', () =>
    withDir(async (dir) => {
      const [data, file] = [join(dir, 'data'), join(dir, 'backup.tar.gz')];
      const serving = await startServing(data);
      await serving.stop();
      expect((await command(['backup', file, '--data', data]).ended).code).toBe(0);
      const tar = gunzipSync(await readFile(file));
      const flipped = Buffer.from(tar);
      // In the last quarter lie files, not the manifest.
      const at = flipped.lastIndexOf('"ca_pem"') > 0 ? flipped.lastIndexOf('"ca_pem"') : Math.floor(tar.length * 0.8);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
      const damaged: Record<string, Buffer> = {
        flipped: gzipSync(flipped),
        cut: (await readFile(file)).subarray(0, 4_000),
        other: gzipSync(Buffer.from('not a tar')),
        plain: Buffer.from('not even gzip'),
        empty: Buffer.alloc(0),
      };
      for (const [name, bytes] of Object.entries(damaged)) {
        const [bad, target] = [join(dir, `${name}.tar.gz`), join(dir, name)];
        await writeFile(bad, bytes);
        const { code, err } = await command(['restore', bad, '--data', target]).ended;
        expect(`${name}: ${code} ${err}`).toMatch(/: 1 [\s\S]*\(bad_backup\)/);
        expect((await readdir(target)).filter((entry) => !entry.startsWith('lock.sqlite'))).toEqual([]);
      }
      const absent = await command(['restore', join(dir, 'nothing'), '--data', join(dir, 'x')]).ended;
      expect(absent).toMatchObject({ code: 2, err: expect.stringContaining('cannot be read (ENOENT)') });
    }));

  it('is not made of a directory that is none', () =>
    withDir(async (dir) => {
      const { code, err } = await command(['backup', join(dir, 'b.tar.gz'), '--data', dir]).ended;
      expect(code).toBe(2);
      expect(err).toContain('is not the data directory of a control plane');
    }));

  it('that was interrupted while it was restored is not served', () =>
    withDir(async (dir) => {
      await mkdir(join(dir, '.restoring'));
      const { code, err } = await refusedServing(dir);
      expect(code).toBe(4);
      expect(err).toContain('(restore_interrupted)');
    }));
});

describe('C7: an upgrade of a data directory', () => {
  it('keeps a copy from before, a few of them, and none where nothing changes', () =>
    withDir(async (dir) => {
      const data = join(dir, 'data');
      const serving = await startServing(data);
      await serving.stop();
      const copies = () => readdir(join(data, 'before-upgrade')).catch(() => []);
      expect(await copies()).toEqual([]);
      await writeFile(join(data, 'state.json'), JSON.stringify({ version: '0.0.1' }));
      const upgraded = await startServing(data);
      await expect.poll(() => upgraded.run.err()).toContain('the data directory was copied');
      await upgraded.stop();
      const [made] = await copies();
      expect(made).toMatch(/^0\.0\.1-\d{4}_\w+\.tar\.gz$/);
      const back = await command(['restore', join(data, 'before-upgrade', made!), '--data', join(dir, 'back')]).ended;
      expect(back).toMatchObject({ code: 0, out: expect.stringContaining('under version 0.0.1') });

      const known = await migrationsOf(data);
      expect(await copyBeforeUpgrade(data, known)).toBeNull();
      for (const version of ['0.0.2', '0.0.3', '0.0.4', '0.0.5']) {
        await writeFile(join(data, 'state.json'), JSON.stringify({ version }));
        await copyBeforeUpgrade(data, known);
        await sleep(20);
      }
      expect((await copies()).map((name) => name.slice(0, 5)).sort()).toEqual(['0.0.3', '0.0.4', '0.0.5']);
    }));

  it('is refused where its database has had a migration that this version does not know', () =>
    withDir(async (dir) => {
      const data = join(dir, 'data');
      await (await startServing(data)).stop();
      const database = new DatabaseSync((await databasePath(data))!);
      database.exec("INSERT INTO d1_migrations (name) VALUES ('9999_later.sql')");
      database.close();
      const { code, err } = await refusedServing(data);
      expect(code).toBe(4);
      expect(err).toContain('9999_later.sql');
      expect(err).toContain('(data_newer)');
    }));

  it('is not made by a restore of what a newer version wrote', () =>
    withDir(async (dir) => {
      const [data, file, copy] = [join(dir, 'data'), join(dir, 'backup.tar.gz'), join(dir, 'copy')];
      await mkdir(data);
      await writeFile(join(data, 'state.json'), JSON.stringify({ version: '99.0.0' }));
      await writeBackup({ dataDir: data, file, version: '99.0.0', writer: null });
      const { code, err } = await command(['restore', file, '--data', copy]).ended;
      expect(code).toBe(4);
      expect(err).toContain('was written by Stackferry 99.0.0');
      expect((await readdir(copy)).filter((entry) => !entry.startsWith('lock.sqlite'))).toEqual([]);
    }));
});

async function migrationsOf(data: string): Promise<string[]> {
  const database = new DatabaseSync((await databasePath(data))!);
  const names = database.prepare('SELECT name FROM d1_migrations ORDER BY name').all();
  database.close();
  return names.map(({ name }) => String(name));
}
