import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { limits } from '../../schema/limits.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Rising zstd levels, 0 for none. Level 6 took three times as long as 3 and saved a thirtieth of the bytes. */
const levels = [0, 1, 3] as const;
/** The largest possible output: Node's default of 16 KiB would cost a thread round trip per piece. */
const chunkSize = limits.stream.chunkBytesMax;
/** A higher level must give less than this part of the lower level's size; on some data it gives more. */
const harderMax = 0.98;
/** A chunk is sent compressed only if it shrinks below this part of its size. */
const ratioMax = 0.92;
/** How many chunks to leave uncompressed after one that did not shrink; doubles each time, up to `skipMax`. */
const skipMin = 8;
const skipMax = 128;

/** The state of a transfer when its next chunk is ready. */
export interface Pressure {
  /** Part of the window not acknowledged. High if the network or the unpacker is slower than this side. */
  unacknowledged: number;
  /** Many chunks constantly wait for the target's unpacker, so the network is not the bottleneck. */
  unpackerBehind: boolean;
  /** Chunks that wait for a thread to be compressed. */
  waiting: number;
  /** Recent bytes of tar acknowledged per second; null if not yet known. */
  bytesPerS: number | null;
}

export interface CompressionPolicy {
  /** Returns the zstd level for the next chunk, 0 for none. */
  levelFor(pressure: Pressure): number;
  /** Records the result of a compression. Returns true if the compressed chunk is worth sending. */
  gained(level: number, rawBytes: number, encodedBytes: number): boolean;
}

/**
 * Compresses as hard as the network leaves time for: raises the level while the window waits for acknowledgements,
 * lowers it while chunks queue for compression, and turns it off at rates where it would only cost time. Starts at a
 * low level, since uncompressed data that fills the buffers of a slow network at the start would cost more. A higher
 * level is used only if the latest chunks show that it helps. Data that does not shrink is sent as it is and retried
 * now and then.
 */
export function createCompressionPolicy(): CompressionPolicy {
  let step = 1;
  let skip = 0;
  let skipNext = skipMin;
  /** Level → compressed part of its latest chunk. */
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

/** Throws if the data is no zstd frame, or larger than a chunk may be. */
export function decompressChunk(bytes: Buffer): Promise<Buffer> {
  return decompress(bytes, { chunkSize, maxOutputLength: limits.stream.chunkBytesMax });
}
