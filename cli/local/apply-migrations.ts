import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The part of D1's interface used here. */
export interface Database {
  prepare(sql: string): Statement;
  batch(statements: Statement[]): Promise<unknown>;
}
interface Statement {
  bind(...values: unknown[]): Statement;
  all(): Promise<{ results: unknown[] }>;
}

/**
 * Migrates a local D1 like `wrangler d1 migrations apply` does a deployed one, with the same table, so that either can
 * continue the other's work.
 */
export async function applyMigrations(db: Database, folder: string): Promise<void> {
  await db.batch([
    db.prepare(`CREATE TABLE IF NOT EXISTS d1_migrations (
      id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`),
  ]);
  const { results } = await db.prepare('SELECT name FROM d1_migrations').all();
  const applied = new Set(results.map((row) => (row as { name: string }).name));
  for (const name of (await migrationNames(folder)).filter((file) => !applied.has(file))) {
    const sql = await readFile(join(folder, name), 'utf8');
    const statements = sql.split('--> statement-breakpoint').filter((statement) => statement.trim() !== '');
    const done = db.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name);
    await db.batch([...statements.map((statement) => db.prepare(statement)), done]);
  }
}

export async function migrationNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
}
