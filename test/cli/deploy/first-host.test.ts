import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { firstHost } from '../../../cli/deploy/first-host.ts';
import { hashToken } from '../../../worker/store/token-format.ts';

const migrations = join(import.meta.dirname, '../../../schema/migrations');

async function database(): Promise<DatabaseSync> {
  const db = new DatabaseSync(':memory:');
  for (const name of (await readdir(migrations)).filter((file) => file.endsWith('.sql')).sort())
    db.exec(await readFile(join(migrations, name), 'utf8'));
  return db;
}

it('a deployment that is repeated gives the first host a new token until it has joined', async () => {
  const db = await database();
  const enter = async (now: number) => {
    const { statement, joinToken } = await firstHost('host-1', now);
    return { rows: db.prepare(statement).all(), hash: await hashToken(joinToken) };
  };
  const stored = () => db.prepare('SELECT name, kind, join_token_hash FROM node').all();
  const first = await enter(1);
  expect(first.rows).toHaveLength(1);
  const second = await enter(2);
  expect(second.rows).toEqual(first.rows);
  expect(stored()).toEqual([{ name: 'host-1', kind: 'host', join_token_hash: second.hash }]);
  db.exec('UPDATE node SET joined_at = 3');
  expect((await enter(4)).rows).toEqual([]);
  expect(stored()).toMatchObject([{ join_token_hash: second.hash }]);
});
