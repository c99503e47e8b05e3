import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { limits } from '../../schema/limits.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Levels from none upwards; the network's pace decides. Level 6 took three times as long as 3, for a thirtieth of the bytes. */
const levels = [0, 1, 3] as const;
/** As much as can come out: in Node's usual pieces of 16 KiB each would be a way to a thread and back. */
const chunkSize = limits.stream.chunkBytesMax;
/** Harder has to give less than this of what a little gives; of some data it makes more. */
const harderMax = 0.98;
/** Data that shrinks by less than this is sent as it is. */
const ratioMax = 0.92;
/** After a chunk that did not shrink this many go uncompressed, twice as many after the next, up to the last. */
const skipMin = 8;
const skipMax = 128;

/** How a transfer is doing when its next chunk is there. */
export interface Pressure {
  /** Part of the window that is ready and not acknowledged: much of it means that the network, or the unpacker, is slower than we are. */
  unacknowledged: number;
  /** Much of the target's memory for chunks waits for its unpacker all the time: it is not the network. */
  unpackerBehind: boolean;
  /** Chunks that wait for a thread to be compressed. */
  waiting: number;
  /** Bytes of tar that were acknowledged per second lately; null where that is not known yet. */
  bytesPerS: number | null;
}

export interface CompressionPolicy {
  /** The zstd level for the next chunk, 0 for none. */
  levelFor(pressure: Pressure): number;
  /** Tells what a compression at that level gave. Returns whether the result is worth sending. */
  gained(level: number, rawBytes: number, encodedBytes: number): boolean;
}

/**
 * Compresses as hard as the network leaves time for: harder while acknowledgements are waited for and compressing is not,
 * less hard while chunks queue to be compressed, and not at all where so much passes that it would only take time. It
 * begins by compressing a little, since what fills the buffers on a slow way at first would cost more than that. What is
 * harder has to be better too, as the latest chunks show. Data that does not shrink is left alone and tried again now and then.
 */
export function createCompressionPolicy(): CompressionPolicy {
  let step = 1;
  let skip = 0;
  let skipNext = skipMin;
  /** What the latest chunk at each level shrank to. */
  const shrunk = new Map<number, number>();
  const isNoBetter = (harder: number, than: number) =>
    (shrunk.get(harder) ?? 0) > (shrunk.get(than) ?? Number.POSITIVE_INFINITY) * harderMax;
  const change = (by: number) => {
    step = Math.min(Math.max(step + by, 0), levels.length - 1);
  };
  return {
    levelFor: ({ unacknowledged, unpackerBehind, waiting, bytesPerS }) => {
      const full = unacknowledged >= limits.stream.compressWindowPart && !unpackerBehind;
      if (bytesPerS === null) step = unpackerBehind ? 0 : 1;
      else if (bytesPerS > limits.stream.compressBytesPerSMax) step = 0;
      else if (waiting > 0) change(full ? 0 : -1);
      else change(full ? 1 : -1);
      if (step > 0 && skip > 0) {
        skip -= 1;
        return 0;
      }
      const level = levels[step]!;
      const easier = levels[step - 1];
      return easier && isNoBetter(level, easier) ? easier : level;
    },
    gained: (level, rawBytes, encodedBytes) => {
      shrunk.set(level, encodedBytes / rawBytes);
      const worth = encodedBytes < rawBytes * ratioMax;
      if (worth) {
        skip = 0;
        skipNext = skipMin;
      } else {
        skip = skipNext;
        skipNext = Math.min(skipNext * 2, skipMax);
      }
      return worth;
    },
  };
}

export function compressChunk(bytes: Buffer, level: number): Promise<Buffer> {
  return compress(bytes, { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: level } });
}

/** Throws where the data is no zstd frame, or holds more than a chunk may. */
export function decompressChunk(bytes: Buffer): Promise<Buffer> {
  return decompress(bytes, { chunkSize, maxOutputLength: limits.stream.chunkBytesMax });
}
