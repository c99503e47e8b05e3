import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { limits } from '../../schema/limits.ts';
import { type BlockMap, emptyMap, resized } from './block-map.ts';
import { runInThread } from './block-threads.ts';
import { blockHeaderBytes, encodeFile, type LargeFile, type Rename } from './delta-stream.ts';
import type { Entry } from './listing.ts';
import { createReadSlots, type ReadSlots, readAhead } from './read-ahead.ts';
import { ifGone, openRegular } from './safe-open.ts';

/** The large files of a volume, and the blocks that the target has of each. */
export interface LargeFiles {
  has(path: string): boolean;
  hasRoomFor(entry: Entry): boolean;
  /** True if this very file was read under that name when it was last listed as changed. */
  wasRead(entry: Entry): boolean;
  forget(path: string): void;
  /** The target uses the new name from now on. */
  rename(names: Rename): void;
  /**
   * Yields sections of each file: its state, then the blocks that the target does not have, which are recorded as sent.
   * With `mayVanish`, a missing file yields nothing: the next pass handles it.
   */
  read(paths: string[], options: { mayVanish: boolean }): AsyncGenerator<Buffer>;
  /** Returns a copy for a trial read, which does not update this one. */
  copy(): LargeFiles;
}

interface KnownFile extends BlockMap {
  /**
   * Inode of the file that was read; null if it was missing when it should have been read: another file may have its
   * name by now.
   */
  inode: string | null;
}

export const createLargeFiles = (root: string): LargeFiles => largeFiles(root, new Map());

function largeFiles(root: string, maps: Map<string, KnownFile>): LargeFiles {
  let mappedBytes = [...maps.values()].reduce((sum, { size }) => sum + size, 0);

  const forget = (path: string) => {
    mappedBytes -= maps.get(path)?.size ?? 0;
    maps.delete(path);
  };
  const remember = (path: string, map: KnownFile) => {
    forget(path);
    maps.set(path, map);
    mappedBytes += map.size;
  };

  async function* read(paths: string[], { mayVanish }: { mayVanish: boolean }): AsyncGenerator<Buffer> {
    const slots = createReadSlots(blockHeaderBytes + limits.warm.readBytes);
    for (const path of paths) {
      const opened = await openRegular(root, path).catch(mayVanish ? ifGone : null);
      const known = maps.get(path);
      if (!opened) {
        if (known) remember(path, { ...known, inode: null });
        continue;
      }
      const { file, stats } = opened;
      try {
        const state = stateOf(path, stats);
        const map = { ...resized(known ?? emptyMap(), state.size), inode: String(stats.ino) };
        remember(path, map);
        yield encodeFile(state);
        yield* changedBlocks(file, map, slots);
      } finally {
        await file.close();
      }
    }
  }

  return {
    has: (path: string) => maps.has(path),
    hasRoomFor: ({ path, size }: Entry) => maps.has(path) || mappedBytes + size <= limits.warm.blockMapBytesMax,
    // The inode in a listing is prefixed with the device.
    wasRead: ({ path, inode }: Entry) => maps.get(path)?.inode === inode.slice(inode.indexOf(':') + 1),
    forget,
    rename: ({ from, to }) => {
      const map = maps.get(from);
      forget(from);
      if (map) remember(to, map);
    },
    read,
    copy: () => largeFiles(root, new Map(maps)),
  };
}

export const stateOf = (path: string, stats: BigIntStats): LargeFile => ({
  path,
  size: Number(stats.size),
  mode: Number(stats.mode) & 0o7777,
  uid: Number(stats.uid),
  gid: Number(stats.gid),
  mtime: secondsOf(stats.mtimeNs),
});

/** Exact, also before 1970: half a second before it is -0.500000000. */
function secondsOf(ns: bigint): string {
  const digits = String(ns < 0n ? -ns : ns).padStart(10, '0');
  return `${ns < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** Yields a file's changed blocks in order; later pieces are read and compared while one is sent. */
function changedBlocks(
  { fd }: FileHandle,
  { size, digests, tags, key }: BlockMap,
  slots: ReadSlots,
): AsyncGenerator<Buffer> {
  const map = { digests, tags, key };
  return readAhead(size, slots, (slot, offset, bytes) =>
    runInThread({ kind: 'changed', fd, offset, bytes, map, slot }),
  );
}
