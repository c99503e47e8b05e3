import { copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { sha256Of } from '../../node/sha256-of.ts';
import { usageError } from '../exit-code.ts';
import { databaseFile } from '../local/database-file.ts';
import { stateFile } from './data-state.ts';
import { pause } from './pause.ts';

/**
 * A copy of a data directory as a kill of its process at one moment would have left it:
 *
 *   1. SIGSTOP pauses workerd, so that no database is written.
 *   2. A read transaction begins in each database and keeps that moment's state.
 *   3. workerd resumes. The databases are copied from those transactions, however long that takes.
 */
export interface Snapshot {
  manifest: Manifest;
  /** How long workerd was paused; 0 if it did not run. */
  pausedMs: number;
}

/** A path that cannot leave the data directory. */
const relativePath = z.string().regex(/^(?!.*(^|\/)\.\.?(\/|$))[\w.-]+(\/[\w.-]+)*$/);
const fileEntry = z.object({ path: relativePath, bytes: z.number().int().nonnegative(), sha256: z.string() });
export const manifest = z.object({
  format: z.literal(1),
  /** Stackferry's version that last wrote the data directory. */
  version: z.string(),
  created_at: z.string(),
  /** Name of the newest migration applied to the database; null if none was. */
  schema: z.string().nullable(),
  files: z.array(fileEntry),
});
export type Manifest = z.infer<typeof manifest>;

export const controlDir = 'control';

/** `writer`: pid of workerd; null if it does not run. */
export async function takeSnapshot(
  dataDir: string,
  into: string,
  version: string,
  writer: number | null,
): Promise<Snapshot> {
  const { readers, files: listed, created_at, pausedMs } = await beginAll(dataDir, writer);
  try {
    for (const path of listed) {
      const target = join(into, path);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      const reader = readers.get(path);
      // All pages in one step: the transaction does not see later writes of other processes.
      if (reader) await backup(reader, target, { rate: pagesMax });
      else await copyFile(join(dataDir, path), target);
    }
  } finally {
    for (const reader of readers.values()) reader.close();
  }
  const files = await Promise.all(listed.map((path) => entryOf(into, path)));
  const schema = (await migrationsIn(into)).at(-1) ?? null;
  return { manifest: { format: 1, version, created_at, schema, files }, pausedMs };
}

/** Begins a read transaction in each database, all at one moment. */
async function beginAll(dataDir: string, writer: number | null) {
  for (let left = attemptsMax; ; left--) {
    const files = await filesOf(dataDir);
    const readers = new Map(
      files.filter(isDatabase).map((path) => [path, new DatabaseSync(join(dataDir, path))] as const),
    );
    const begun = performance.now();
    const resume = writer === null ? null : await pause(writer);
    try {
      const created_at = new Date().toISOString();
      for (const reader of readers.values()) reader.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
      const since = (await filesOf(dataDir)).filter((path) => !files.includes(path));
      if (since.length > 0) throw new Error(`${since[0]} has just been made`);
      await resume?.();
      return { readers, files, created_at, pausedMs: writer === null ? 0 : performance.now() - begun };
    } catch (error) {
      // workerd was paused while it held an exclusive lock, or while it created a database.
      await resume?.();
      for (const reader of readers.values()) reader.close();
      if (left <= 1) throw error;
    }
  }
}

const attemptsMax = 20;
const pagesMax = 2 ** 30;

/** Returns the names of the migrations applied to the database, in order; none if there is no database yet. */
export async function migrationsIn(dataDir: string): Promise<string[]> {
  const path = await databasePath(dataDir);
  if (path === null) return [];
  const database = new DatabaseSync(path);
  try {
    const known = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'd1_migrations'").get();
    if (!known) return [];
    return database
      .prepare('SELECT name FROM d1_migrations ORDER BY name')
      .all()
      .map(({ name }) => String(name));
  } finally {
    database.close();
  }
}

/** Throws a usage error if the directory has no control plane's database. */
export async function servedDatabase(dataDir: string): Promise<string> {
  const path = await databasePath(dataDir);
  if (path !== null) return path;
  throw usageError(
    `${dataDir} is not the data directory of a control plane.`,
    'Name the one that it serves: --data DIR',
  );
}

/** Path of D1's database; null if there is none. */
export const databasePath = (dataDir: string): Promise<string | null> => databaseFile(join(dataDir, controlDir));

/** Lists what makes up a control plane: its databases, the relay's identity, the version. */
async function filesOf(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir, { recursive: true });
  const wanted = names.filter(
    (path) =>
      (path.startsWith(`${controlDir}/`) && !path.startsWith(`${controlDir}/cache/`) && isDatabase(path)) ||
      path === 'relay/identity.json' ||
      path === stateFile,
  );
  return wanted.sort();
}

const isDatabase = (path: string) => path.endsWith('.sqlite');

async function entryOf(root: string, path: string): Promise<z.infer<typeof fileEntry>> {
  const { size: bytes } = await stat(join(root, path));
  return { path, bytes, sha256: await sha256Of(join(root, path)) };
}
