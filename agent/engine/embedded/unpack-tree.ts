import { constants } from 'node:fs';
import { chmod, lchown, link, lutimes, mkdir, open, symlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Extract, extract, type Header } from 'tar-stream';
import { syncDirectory } from '../../../node/atomic-file.ts';
import { errorMessageOf, StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { TarWriter } from '../../transfer/tar-ports.ts';
import { placeBelow } from './unpack-place.ts';

type Entry = Extract extends AsyncIterable<infer E> ? E : never;

/**
 * Unpacks a tar below an empty directory. `finished` resolves once every file and directory is synced; it rejects with
 * `archive_refused` for an entry outside the root or of an unsupported type, `disk_full`, or `unpack_failed`.
 */
export function unpackTree(root: string, signal: AbortSignal): TarWriter {
  // The transfer reuses a chunk's memory once its write is called back, but tar-stream keeps slices for longer.
  const stream = new Transform({ transform: (chunk: Buffer, _encoding, done) => done(null, Buffer.from(chunk)) });
  const archive = extract();
  const abort = () => stream.destroy(new Error('aborted'));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const fed = pipeline(stream, archive);
  const unpacked = unpackEntries(root, archive).catch((error: unknown) => {
    stream.destroy();
    throw error;
  });
  const finished = Promise.all([unpacked, fed]).then(
    () => {},
    async (cause: unknown) => {
      const [kept] = await Promise.allSettled([unpacked, fed]);
      throw explained(kept.status === 'rejected' ? kept.reason : cause);
    },
  );
  finished.catch(() => {}).finally(() => signal.removeEventListener('abort', abort));
  return { stream, finished };
}

async function unpackEntries(root: string, archive: AsyncIterable<Entry>): Promise<void> {
  const directories: { path: string; header: Header }[] = [];
  let entries = 0;
  for await (const entry of archive) {
    entries += 1;
    if (entries > limits.agent.embedded.unpackEntriesMax) throw refused('it has too many entries');
    const { header } = entry;
    const path = await placeBelow(root, header.name);
    if (header.type === 'directory') {
      // Never an existing one: it could be a symlink to elsewhere, whose mode and time would be set.
      if (path !== root) await mkdir(path, { mode: 0o700 });
      directories.push({ path, header });
    } else await unpackEntry(root, path, entry);
    // tar-stream continues only after an entry was read to its end, even an empty one.
    entry.resume();
  }
  // Deepest first: adding an entry changes the directory's time, and its mode may forbid it.
  for (const { path, header } of directories.reverse()) {
    await syncDirectory(path);
    await restoreAttributes(path, header);
  }
  await syncDirectory(root);
}

async function unpackEntry(root: string, path: string, entry: Entry): Promise<void> {
  const { header } = entry;
  const target = header.linkname ?? '';
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      await unpackFile(path, entry);
      return restoreAttributes(path, header);
    case 'symlink':
      // The target may be any path: only the service follows it, nothing here does.
      await symlink(target, path);
      return restoreAttributes(path, header);
    case 'link':
      return link(await placeBelow(root, target), path);
    default:
      throw refused(`"${header.name}" is a ${header.type}`);
  }
}

async function unpackFile(path: string, entry: Entry): Promise<void> {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const file = await open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
  try {
    for await (const chunk of entry) await file.writeFile(chunk as Buffer);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Owner first, since changing it clears setuid; time last. Only root can change owners. */
async function restoreAttributes(path: string, header: Header): Promise<void> {
  if (process.getuid?.() === 0) await lchown(path, header.uid ?? 0, header.gid ?? 0);
  if (header.type !== 'symlink') await chmod(path, (header.mode ?? 0o600) & 0o7777);
  const seconds = secondsOf(header);
  await lutimes(path, seconds, seconds);
}

/** Only the extended header's time has fractions of a second. */
function secondsOf({ pax, mtime }: Header): number {
  const { mtime: exact } = (pax ?? {}) as { mtime?: string };
  return exact === undefined ? mtime.getTime() / 1000 : Number(exact);
}

function refused(why: string): StackferryError {
  return new StackferryError('archive_refused', `The archive is refused: ${why}.`);
}

function explained(cause: unknown): StackferryError {
  if (cause instanceof StackferryError) return cause;
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new StackferryError('disk_full', `No space on ${hostname()}.`, { cause });
  return new StackferryError('unpack_failed', `Unpacking failed: ${errorMessageOf(cause)}`, { cause });
}
