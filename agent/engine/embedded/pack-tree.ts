import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Header, type Pack, pack } from 'tar-stream';
import { errorMessageOf, StackferryError } from '../../../schema/errors.ts';
import type { TarReader, TarSource } from '../../transfer/tar-ports.ts';
import { mtimeMsOf, type TreeEntry, walkTree } from './tree-walk.ts';

type EntryHeader = Partial<Header> & Pick<Header, 'name'>;

const readBytes = 262_144;

/** Tars a directory. A file that changes while it is read fails the whole archive (F24). */
export function packTree(root: string): TarSource {
  return {
    open: async (signal): Promise<TarReader> => {
      const archive = pack();
      const stream = new PassThrough();
      const abort = () => archive.destroy(new Error('aborted'));
      signal.addEventListener('abort', abort, { once: true });
      const packed = packEntries(root, archive, signal).catch((error: unknown) => {
        archive.destroy(error instanceof Error ? error : new Error(String(error)));
        throw error;
      });
      const finished = Promise.all([packed, pipeline(archive, stream)]).then(
        () => {},
        async (cause: unknown) => {
          stream.destroy();
          // Reports the first error, after all reads have ended.
          const error = await packed.then(
            () => cause,
            (why) => why,
          );
          throw error instanceof StackferryError
            ? error
            : new StackferryError('pack_failed', `Packing failed: ${errorMessageOf(error)}`, { cause: error });
        },
      );
      finished.catch(() => {}).finally(() => signal.removeEventListener('abort', abort));
      return { stream, finished };
    },
  };
}

async function packEntries(root: string, archive: Pack, signal: AbortSignal): Promise<void> {
  for await (const entry of walkTree(root)) {
    signal.throwIfAborted();
    if (entry.type === 'file') await packFile(join(root, entry.path), entry, archive);
    else await packHeader(entry, archive);
  }
  archive.finalize();
}

function headerOf({ path, type, stats, target }: TreeEntry): EntryHeader {
  const ms = mtimeMsOf(stats);
  return {
    name: type === 'directory' ? `${path}/` : path,
    type,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtime: new Date(ms),
    size: type === 'file' ? Number(stats.size) : 0,
    ...(target === null ? {} : { linkname: target }),
    // The old header has whole seconds only.
    pax: { mtime: (ms / 1000).toFixed(3) },
  };
}

function packHeader(entry: TreeEntry, archive: Pack): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.entry(headerOf(entry), (error) => (error ? reject(error) : resolve()));
  });
}

async function packFile(path: string, entry: TreeEntry, archive: Pack): Promise<void> {
  const file = await open(path, 'r');
  try {
    await copyInto(archive, headerOf(entry), file, Number(entry.stats.size));
    const after = await file.stat({ bigint: true });
    if (after.size === entry.stats.size && after.mtimeNs === entry.stats.mtimeNs) return;
    throw new StackferryError('pack_failed', `A file changed while it was read: ${entry.path}`);
  } finally {
    await file.close();
  }
}

async function copyInto(archive: Pack, header: EntryHeader, file: FileHandle, size: number): Promise<void> {
  let settle: (error?: Error | null) => void = () => {};
  const packed = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  packed.catch(() => {});
  const sink = archive.entry(header, settle);
  sink.on('error', settle);
  for (let at = 0; at < size; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(readBytes, size - at)), 0, undefined, at);
    if (bytesRead === 0)
      throw new StackferryError('pack_failed', `A file became shorter while it was read: ${header.name}`);
    at += bytesRead;
    if (!sink.write(buffer.subarray(0, bytesRead))) await Promise.race([packed, drained(sink)]);
  }
  sink.end(undefined);
  await packed;
}

function drained(sink: { once(event: 'drain', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => sink.once('drain', () => resolve()));
}
