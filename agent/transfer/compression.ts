import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { limits } from '../../schema/limits.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Levels from none upwards; the network's pace decides. Above the last, a context takes tens of megabytes. */
const levels = [0, 1, 3, 6] as const;
/** Ready chunks that wait for the network: above, compress harder; below, less hard. */
const backlogHigh = 6;
const backlogLow = 2;
/** Data that shrinks by less than this is sent as it is. */
const ratioMax = 0.92;
/** After a chunk that did not shrink this many go uncompressed, twice as many after the next, up to the last. */
const skipMin = 8;
const skipMax = 128;

export interface CompressionPolicy {
  /** The zstd level for the next chunk, 0 for none. `backlog` is the number of encoded chunks that wait for the network. */
  levelFor(backlog: number): number;
  /** Tells what a compression gave. Returns whether the result is worth sending. */
  gained(rawBytes: number, encodedBytes: number): boolean;
}

/**
 * Compresses as hard as the network leaves time for: none while it takes chunks as fast as they come, harder while
 * they queue. Data that does not shrink is left alone and tried again now and then.
 */
export function createCompressionPolicy(): CompressionPolicy {
  let step = 0;
  let skip = 0;
  let skipNext = skipMin;
  return {
    levelFor: (backlog) => {
      if (backlog >= backlogHigh) step = Math.min(step + 1, levels.length - 1);
      else if (backlog <= backlogLow) step = Math.max(step - 1, 0);
      if (step > 0 && skip > 0) {
        skip -= 1;
        return 0;
      }
      return levels[step]!;
    },
    gained: (rawBytes, encodedBytes) => {
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
  return compress(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } });
}

/** Throws where the data is no zstd frame, or holds more than a chunk may. */
export function decompressChunk(bytes: Buffer): Promise<Buffer> {
  return decompress(bytes, { maxOutputLength: limits.stream.chunkBytesMax });
}
