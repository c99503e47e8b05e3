import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { limits } from '../../schema/limits.ts';
import { type BlockMap, compareBlocks, emptyMap, resized } from './block-map.ts';
import { blockOffsetBytes, encodeFile, type Rename, sectionHeaderBytes, sectionType } from './delta-stream.ts';
import { openInside } from './inside.ts';
import type { Entry } from './listing.ts';

const { readBytes } = limits.warm;
const headroom = sectionHeaderBytes + blockOffsetBytes;
/** Sections that a reader may still hold when the next is made; see `tar-ports.ts`. */
const buffers = 4;

/** The large files of a volume, and what the target has of each. */
export interface LargeFiles {
  has(path: string): boolean;
  hasRoomFor(entry: Entry): boolean;
  forget(path: string): void;
  forgetAll(): void;
  /** The target has it by another name from here on. */
  rename(names: Rename): void;
  /**
   * Sections of one file: its state, then the blocks that the target does not have; from here on it has them. Where it
   * `mayVanish`, one that is not there gives nothing: the next pass sees to it.
   */
  read(path: string, options: { mayVanish: boolean }): AsyncGenerator<Buffer>;
  /** One to try with: what it learns is not learned here. */
  copy(): LargeFiles;
}

/** Those below `root`, a directory; '' for none. */
export function createLargeFiles(root: string): LargeFiles {
  const ring = Array.from({ length: root === '' ? 0 : buffers }, () => Buffer.allocUnsafeSlow(headroom + readBytes));
  return largeFiles(root, ring, new Map());
}

function largeFiles(root: string, ring: Buffer[], maps: Map<string, BlockMap>): LargeFiles {
  let turn = 0;
  let mappedBytes = [...maps.values()].reduce((sum, { size }) => sum + size, 0);

  const forget = (path: string) => {
    mappedBytes -= maps.get(path)?.size ?? 0;
    maps.delete(path);
  };
  const remember = (path: string, map: BlockMap) => {
    forget(path);
    maps.set(path, map);
    mappedBytes += map.size;
  };

  async function* read(path: string, { mayVanish }: { mayVanish: boolean }): AsyncGenerator<Buffer> {
    const file = await openInside(root, path, constants.O_RDONLY).catch((error: NodeJS.ErrnoException) => {
      if (mayVanish && (error.code === 'ENOENT' || error.code === 'ELOOP' || error.code === 'ENOTDIR')) return null;
      throw error;
    });
    if (!file) return;
    try {
      const stats = await file.stat({ bigint: true });
      const size = Number(stats.size);
      const map = resized(maps.get(path) ?? emptyMap(), size);
      remember(path, map);
      yield encodeFile({
        path,
        size,
        mode: Number(stats.mode) & 0o7777,
        uid: Number(stats.uid),
        gid: Number(stats.gid),
        mtime: `${stats.mtimeNs / 1_000_000_000n}.${String(stats.mtimeNs % 1_000_000_000n).padStart(9, '0')}`,
      });
      for (let offset = 0; offset < size; offset += readBytes) {
        const buffer = ring[turn % buffers]!;
        const data = buffer.subarray(headroom, headroom + (await fill(file, buffer, offset, size)));
        const runs: Buffer[] = [];
        compareBlocks(map, offset, data, (at, run) => runs.push(frame(buffer, at, run)));
        if (runs.length > 0) turn += 1;
        yield* runs;
      }
    } finally {
      await file.close();
    }
  }

  return {
    has: (path: string) => maps.has(path),
    hasRoomFor: ({ path, size }: Entry) => maps.has(path) || mappedBytes + size <= limits.warm.blockMapBytesMax,
    forget,
    forgetAll: () => {
      maps.clear();
      mappedBytes = 0;
    },
    rename: ({ from, to }) => {
      const map = maps.get(from);
      forget(from);
      if (map) remember(to, map);
    },
    read,
    copy: () => largeFiles(root, ring, new Map(maps)),
  };
}

/** Reads as much as there is, up to the buffer's end or the size that was told; a file that shrank gives less. */
async function fill(file: FileHandle, buffer: Buffer, offset: number, size: number): Promise<number> {
  const wanted = Math.min(readBytes, size - offset);
  let got = 0;
  while (got < wanted) {
    const { bytesRead } = await file.read(buffer, headroom + got, wanted - got, offset + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return got;
}

/**
 * A block section around data that lies in the buffer: its head is written over what precedes it there, the buffer's
 * headroom or blocks that did not change.
 */
function frame(buffer: Buffer, offset: number, data: Buffer): Buffer {
  const from = data.byteOffset - buffer.byteOffset - headroom;
  const section = buffer.subarray(from, from + headroom + data.length);
  section.writeUInt8(sectionType.block, 0);
  section.writeUInt32BE(blockOffsetBytes + data.length, 1);
  section.writeBigUInt64BE(BigInt(offset), sectionHeaderBytes);
  return section;
}
