import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { prepareFile } from '../../../cli/local/database-file.ts';

const migrations = resolve(import.meta.dirname, '../../../schema/migrations');

test('a control plane that starts tells no node connected: those that were are offline until they are back', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-database-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const path = join(dir, 'd1.sqlite');
  await prepareFile(path, migrations, 1);
  const file = new DatabaseSync(path);
  const insert = file.prepare(
    'INSERT INTO node (id, kind, name, created_at, connected, seen_at) VALUES (?, ?, ?, 0, ?, ?)',
  );
  insert.run('host_1', 'host', 'here', 1, 5);
  insert.run('host_2', 'host', 'away', 0, 3);
  file.close();
  await prepareFile(path, migrations, 9);
  const after = new DatabaseSync(path);
  expect(after.prepare('SELECT name, connected, seen_at FROM node ORDER BY id').all()).toEqual([
    { name: 'here', connected: 0, seen_at: 9 },
    { name: 'away', connected: 0, seen_at: 3 },
  ]);
  after.close();
});
