import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { syncDirectory } from '../../node/atomic-file.ts';
import { distrustStatement } from '../../worker/saga/migration/distrust.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { readBackup } from './archive.ts';
import { lock, lockFiles } from './data-lock.ts';
import { openDataDir, refuseNewer, stateFile, writeState } from './data-state.ts';
import { databasePath, type Manifest } from './snapshot.ts';

/** Exists during a restore, and after one that was interrupted. */
const draftDir = '.restoring';

export interface Restored {
  manifest: Manifest;
  /** Number of stacks whose hosts are asked for their records before anything is done with them. */
  asked: number;
}

/** Fills an empty data directory from a backup. After an interruption it can be repeated; the directory is not served. */
export async function restoreInto(dataDir: string, file: string): Promise<Restored> {
  await openDataDir(dataDir);
  const held = await lock(dataDir);
  try {
    await refuseFilled(dataDir);
    const draft = join(dataDir, draftDir);
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { mode: 0o700 });
    try {
      const manifest = await readBackup(file, draft);
      refuseNewer(file, manifest.version);
      const asked = await markRestored(draft, manifest, Date.now());
      for (const name of await readdir(draft))
        if (name !== stateFile) await rename(join(draft, name), join(dataDir, name));
      await writeState(dataDir, { version: manifest.version, restored_from: manifest.created_at });
      return { manifest, asked };
    } finally {
      await rm(draft, { recursive: true, force: true });
      await syncDirectory(dataDir);
    }
  } finally {
    await held.release();
  }
}

export async function refuseInterruptedRestore(dataDir: string): Promise<void> {
  if (!(await readdir(dataDir)).includes(draftDir)) return;
  throw new CliError('restore_interrupted', `A restore into ${dataDir} was interrupted.`, exitCodes.conflict, [
    'Remove that directory, then repeat: stackferry restore FILE --data DIR',
  ]);
}

async function refuseFilled(dataDir: string): Promise<void> {
  const known = new Set([...lockFiles, draftDir, 'lost+found']);
  const other = (await readdir(dataDir)).filter((name) => !known.has(name));
  if (other.length === 0) return;
  throw new CliError('data_exists', `${dataDir} is not empty; a restore replaces nothing.`, exitCodes.conflict, [
    'Name an empty or a new directory: --data DIR',
  ]);
}

/** Has the control plane ask the hosts, which may know more than the backup, and audits the restore. */
async function markRestored(dataDir: string, { created_at, version }: Manifest, now: number): Promise<number> {
  const path = await databasePath(dataDir);
  if (path === null) return 0;
  const database = new DatabaseSync(path);
  try {
    const { changes } = database.prepare(distrustStatement).run();
    database
      .prepare(
        `INSERT INTO audit (at, request_id, actor_kind, actor_id, actor_name, act, objects, status)
         VALUES (?, ?, 'operator', 'operator', 'stackferry restore', 'restore', ?, 200)`,
      )
      .run(now, crypto.randomUUID(), JSON.stringify({ backup: created_at, version }));
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return Number(changes);
  } finally {
    database.close();
  }
}
