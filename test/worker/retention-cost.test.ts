import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { newId } from '../../schema/ids.ts';
import { migrationsToRemind } from '../../worker/store/migration-list.ts';
import { forgetMigrations, trimMigrations } from '../../worker/store/retention.ts';
import { recordingDb } from './support/databases.ts';
import { insertMigration, windowEndingAt } from './support/records.ts';

const dayMs = 24 * 3_600_000;
const old = Date.now() - 3 * 365 * dayMs;
const hosts = { source_host_id: 'host_a', target_host_id: 'host_b' };
const add = (more: Partial<Parameters<typeof insertMigration>[0]>) =>
  insertMigration({
    ...hosts,
    stack_id: newId('stack'),
    stack_name: 'shop',
    status: 'completed',
    created_at: old,
    ...more,
  });

/** Kept for years, its reminder sent; and the same after a rollback. */
async function keep(number: number): Promise<void> {
  const window = { ...windowEndingAt(old), reminded_at: old };
  for (let n = 0; n < number; n++) {
    const id = await add({ status: n % 2 ? 'rolled_back' : 'completed', saga: { deadline_at: null, window } });
    await env.DB.prepare(
      "INSERT INTO transition (migration_id, version, nonce, event, from_status, to_status, at) VALUES (?, 1, 'n', 'e', 'x', 'y', ?)",
    )
      .bind(id, old)
      .run();
  }
}

/** What the hourly run reads of migrations when nothing is due. */
async function rowsRead(): Promise<number> {
  const now = Date.now();
  let rows = 0;
  for (const look of [
    (db: D1Database) => trimMigrations(db, now - 90 * dayMs),
    (db: D1Database) => forgetMigrations(db, now - 365 * dayMs),
    (db: D1Database) => migrationsToRemind(db, now),
  ]) {
    const { db, statements } = recordingDb();
    await look(db);
    const ofMigrations = statements.filter(({ sql }) => /FROM migration\b/.test(sql));
    expect(ofMigrations).toHaveLength(1);
    for (const { sql, params } of ofMigrations) {
      const { meta } = await env.DB.prepare(sql)
        .bind(...params)
        .all();
      rows += meta.rows_read;
    }
  }
  return rows;
}

it('C10: the hourly run reads no row of a copy that is kept, nor of a migration that was trimmed before', async () => {
  await keep(2);
  const before = await rowsRead();
  await keep(40);
  const trimmed = { deadline_at: null };
  for (let n = 0; n < 40; n++) await add({ status: 'failed', created_at: Date.now() - 200 * dayMs, saga: trimmed });
  expect(await trimMigrations(env.DB, Date.now() - 90 * dayMs)).toBe(40);
  expect(await rowsRead()).toBe(before);
  expect(before).toBeLessThan(5);
});

it('C10: it reads what is due, and a migration that was trimmed is forgotten in its time', async () => {
  await keep(5);
  const id = await add({ status: 'cancelled', saga: { deadline_at: null } });
  expect(await trimMigrations(env.DB, Date.now() - 90 * dayMs)).toBe(1);
  expect(await trimMigrations(env.DB, Date.now() - 90 * dayMs)).toBe(0);
  expect(await forgetMigrations(env.DB, Date.now() - 365 * dayMs)).toBe(1);
  expect(await env.DB.prepare('SELECT 1 FROM migration WHERE id = ?').bind(id).first()).toBeNull();
});
