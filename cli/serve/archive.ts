import { createReadStream, createWriteStream } from 'node:fs';
import { link, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { type Extract, extract, pack } from 'tar-stream';
import { syncDirectory } from '../../node/atomic-file.ts';
import { sha256Of } from '../../node/sha256-of.ts';
import { errorMessageOf } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { CliError, exitCodes, usageError } from '../exit-code.ts';
import { type Manifest, manifest, type Snapshot, takeSnapshot } from './snapshot.ts';

/**
 * A backup is a gzipped tar: `manifest.json`, then the files it lists, by path relative to the data directory. Only its
 * owner can read it, because it contains the certificate authority's key.
 */
const manifestName = 'manifest.json';

export interface BackupOptions {
  dataDir: string;
  file: string;
  /** Stackferry's version that last wrote the data directory. */
  version: string;
  /** Pid of workerd; null if it does not run. */
  writer: number | null;
}

/** The file appears whole or not at all, and never replaces an existing one. */
export async function writeBackup({ dataDir, file, version, writer }: BackupOptions): Promise<Snapshot> {
  await refuseExisting(file);
  const staging = await mkdtemp(join(dirname(file), '.stackferry-backup-')).catch((error) => {
    throw unwritable(file, error);
  });
  try {
    const snapshot = await takeSnapshot(dataDir, join(staging, 'files'), version, writer);
    const draft = join(staging, 'archive');
    await writeArchive(snapshot.manifest, join(staging, 'files'), draft);
    // Unlike a rename, a link fails if the name has been taken since.
    await link(draft, file).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') await refuseExisting(file);
      throw unwritable(file, error);
    });
    await syncDirectory(dirname(file));
    return snapshot;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function writeArchive(listed: Manifest, root: string, path: string): Promise<void> {
  const archive = pack();
  const written = pipeline(archive, createGzip(), createWriteStream(path, { mode: 0o600, flags: 'wx', flush: true }));
  const fill = async () => {
    archive.entry({ name: manifestName, mode: 0o600 }, `${JSON.stringify(listed, null, 2)}\n`);
    for (const { path: name, bytes: size } of listed.files)
      await pipeline(createReadStream(join(root, name)), archive.entry({ name, size, mode: 0o600 }));
    archive.finalize();
  };
  await Promise.all([written, fill()]);
}

async function refuseExisting(file: string): Promise<void> {
  if (!(await stat(file).catch(() => null))) return;
  throw usageError(`${file} exists; a backup never overwrites a file.`, 'Choose another name, or remove it first.');
}

/** Unpacks into the empty directory `root` and checks each file's digest. Throws `bad_backup` for a damaged archive. */
export async function readBackup(file: string, root: string): Promise<Manifest> {
  const archive = extract();
  try {
    const source = pipeline(createReadStream(file), createGunzip(), archive);
    const [listed] = await Promise.all([unpack(archive, root), source]);
    return listed;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES') throw usageError(`${file} cannot be read (${code}).`);
    throw new CliError('bad_backup', `${file} cannot be restored from: ${errorMessageOf(error)}.`, exitCodes.failure, [
      'Nothing was restored. Take another copy of the file, or an older backup.',
    ]);
  }
}

async function unpack(archive: Extract, root: string): Promise<Manifest> {
  let listed: Manifest | null = null;
  const proven = new Set<string>();
  for await (const entry of archive) {
    const { name, size = 0 } = entry.header;
    if (listed === null) {
      if (name !== manifestName || size > limits.serve.manifestBytesMax) throw new Error('it has no manifest');
      listed = manifest.parse(JSON.parse(await text(entry)));
      continue;
    }
    const expected = listed.files.find(({ path }) => path === name);
    if (!expected || proven.has(name)) throw new Error(`"${name}" is not in its manifest`);
    const target = join(root, name);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await pipeline(entry, createWriteStream(target, { mode: 0o600, flags: 'wx', flush: true }));
    if ((await sha256Of(target)) !== expected.sha256) throw new Error(`${name} is not what was backed up`);
    proven.add(name);
  }
  if (listed === null) throw new Error('it is empty');
  const missing = listed.files.find(({ path }) => !proven.has(path));
  if (missing) throw new Error(`${missing.path} is missing`);
  return listed;
}

const unwritable = (file: string, error: NodeJS.ErrnoException) =>
  error instanceof CliError
    ? error
    : new CliError('backup_failed', `${file} cannot be written (${error.code}).`, exitCodes.failure, [
        'Name a file in a directory that this user can write to.',
      ]);
