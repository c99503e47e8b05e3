import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { applyMigrations, type Database } from './apply-migrations.ts';

/** Where Miniflare keeps D1 below its directory. */
const databaseDir = 'd1/miniflare-D1DatabaseObject';

/** An earlier workerd that is being killed may still hold the write lock. */
const lockWaitMsMax = 10_000;

/** Path of D1's database in a control plane's directory; null before its first start. */
export async function databaseFile(controlDir: string): Promise<string | null> {
  const names = await readdir(join(controlDir, databaseDir)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const name = names.find((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  return name === undefined ? null : join(controlDir, databaseDir, name);
}

/**
 * Migrates a database that no workerd has open: one that starts on the old tables runs alarms on them at once. No node is
 * connected then; those that were are told offline until they are back, and were heard until now as far as anybody knows.
 */
export async function prepareFile(path: string, migrationsDir: string, now: number): Promise<void> {
  const file = new DatabaseSync(path, { timeout: lockWaitMsMax });
  try {
    await applyMigrations(d1Over(file), migrationsDir);
    file.prepare('UPDATE node SET connected = 0, seen_at = max(coalesce(seen_at, 0), ?) WHERE connected = 1').run(now);
  } finally {
    file.close();
  }
}

function d1Over(file: DatabaseSync): Database {
  const bound = (sql: string, values: SQLInputValue[]) => ({
    bind: (...next: unknown[]) => bound(sql, next as SQLInputValue[]),
    all: async () => ({ results: file.prepare(sql).all(...values) }),
  });
  return {
    prepare: (sql) => bound(sql, []),
    batch: async (statements) => {
      file.exec('BEGIN IMMEDIATE');
      try {
        for (const statement of statements) await statement.all();
        file.exec('COMMIT');
      } catch (error) {
        // After a full disk SQLite has rolled back by itself.
        if (file.isTransaction) file.exec('ROLLBACK');
        throw error;
      }
    },
  };
}
