import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { CliError, exitCodes } from '../exit-code.ts';

/** The process that last took the lock. Only the lock itself tells whether it still holds it. */
const holder = z.object({
  pid: z.number().int(),
  since: z.string(),
  /** Pid of the process that writes the databases; null until it runs. */
  workerd_pid: z.number().int().nullable().default(null),
});
export type Holder = z.infer<typeof holder>;

export interface DataLock {
  /** The previous holder, if it ended without releasing the lock; otherwise null. */
  left: Holder | null;
  /** Records the process that writes the databases. */
  note(workerdPid: number | null): Promise<void>;
  release(): Promise<void>;
}

const lockFile = 'lock.sqlite';
const holderFile = 'holder.json';
/** Files that a lock creates in the data directory. */
export const lockFiles = [lockFile, `${lockFile}-journal`, holderFile];
const sqliteBusy = 5;

/**
 * Takes a data directory for this process; null if another process has it. The kernel holds the lock, on a file that
 * SQLite opens: it ends with its process, however that ends, and works between containers that share a volume.
 */
export async function tryLock(dataDir: string): Promise<DataLock | null> {
  const database = new DatabaseSync(join(dataDir, lockFile));
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return null;
    throw error;
  }
  const left = await readHolder(dataDir);
  const since = new Date().toISOString();
  const note = (workerd_pid: number | null) =>
    writeFileAtomically(
      join(dataDir, holderFile),
      `${JSON.stringify({ pid: process.pid, since, workerd_pid } satisfies Holder)}\n`,
    );
  await note(null);
  return {
    left,
    note,
    release: async () => {
      await rm(join(dataDir, holderFile), { force: true });
      database.close();
    },
  };
}

export async function readHolder(dataDir: string): Promise<Holder | null> {
  try {
    return holder.parse(JSON.parse(await readFile(join(dataDir, holderFile), 'utf8')));
  } catch {
    return null;
  }
}

export async function lock(dataDir: string): Promise<DataLock> {
  const taken = await tryLock(dataDir);
  if (taken) return taken;
  const who = await readHolder(dataDir);
  throw new CliError(
    'data_locked',
    `${dataDir} is in use by ${who ? `process ${who.pid}, since ${who.since}` : 'another process'}.`,
    exitCodes.conflict,
    ['Stop that one first, or give this one a directory of its own: --data DIR'],
  );
}
