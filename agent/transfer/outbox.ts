import { createHash, hash } from 'node:crypto';
import { errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { End } from '../../schema/volume-stream.ts';
import { createChunkPool, headroomBytes, type Slot } from './chunk-pool.ts';
import { compressChunk, createCompressionPolicy } from './compression.ts';
import { writeChunkHeaders } from './frame-codec.ts';
import type { StreamBounds } from './frame-connection.ts';
import { packerEnded, settled } from './packer-end.ts';
import { createLeast, createRate } from './rate.ts';
import type { TarSource } from './tar-ports.ts';

/** The window of one reading of a tar: chunks that are encoded and not yet acknowledged. */
export interface Outbox {
  /** Lowest sequence number still held, and the one after the highest. */
  first(): number;
  next(): number;
  /** The whole frame of a chunk, null while it is not there yet. */
  frame(sequence: number): Buffer | null;
  /** Known once the tar was read to its end and the packer is content. */
  end(): End | null;
  /** The packer's failure, if it failed. */
  failure(): StackferryError | null;
  /** `waiting`: chunks that the target has and its unpacker has not taken. */
  acknowledge(next: number, waiting?: number): void;
  /** Bytes of tar in acknowledged chunks. */
  acknowledgedBytes(): number;
  /** Stops the packer and waits until it is gone. */
  close(): Promise<void>;
}

interface Entry {
  sequence: number;
  rawBytes: number;
  sha256: Buffer;
  /** Held while the data is needed: to be compressed, or sent uncompressed. */
  slot: Slot | null;
  frame: Buffer | null;
  acknowledged: boolean;
}

/** Opens the packer and reads it into a bounded window; `onChange` is called when a frame, the end or a failure is there. */
export async function openOutbox(source: TarSource, bounds: StreamBounds, onChange: () => void): Promise<Outbox> {
  const chunkBytes = Math.min(bounds.chunkBytesMax, limits.stream.chunkBytesMax);
  const windowBytesMax = bounds.windowChunksMax * chunkBytes;
  const aborter = new AbortController();
  const reader = await source.open(aborter.signal);
  // Hashed here and not in a thread: handing over a chunk cost more than it saved, 14 % of the whole on two cores.
  const digest = createHash('sha256');
  const policy = createCompressionPolicy();
  const rate = createRate(bounds.rateWindowMs);
  const unpackerBehind = createLeast(bounds.rateWindowMs);
  const window: Entry[] = [];
  const toEncode: Entry[] = [];
  let first = 0;
  let next = 0;
  let compressing = 0;
  let bytes = 0;
  let acknowledgedBytes = 0;
  /** Of frames that are not acknowledged yet. */
  let readyBytes = 0;
  let end: End | null = null;
  let failure: StackferryError | null = null;
  let closed = false;

  const fail = (error: unknown) => {
    if (failure || closed) return;
    failure = new StackferryError(errorCodeOf(error, 'pack_failed'), `Packing failed: ${errorMessageOf(error)}`, {
      cause: error,
    });
    onChange();
  };

  // ------------------------------------------------------------ filling

  const pool = createChunkPool(bounds.windowChunksMax, () => resume());
  let filling: { slot: Slot; bytes: number } | null = null;
  let leftover: Buffer | null = null;

  const fill = (data: Buffer) => {
    for (let from = 0; from < data.length; ) {
      filling ??= emptySlot();
      if (!filling) {
        leftover = data.subarray(from);
        reader.stream.pause();
        return;
      }
      const count = Math.min(chunkBytes - filling.bytes, data.length - from);
      data.copy(filling.slot.buffer, headroomBytes + filling.bytes, from, from + count);
      filling.bytes += count;
      from += count;
      if (filling.bytes === chunkBytes) dispatch();
    }
  };

  const emptySlot = () => {
    const hasRoom = readyBytes < windowBytesMax && window.length < bounds.windowFramesMax;
    const slot = hasRoom ? pool.take() : null;
    return slot && { slot, bytes: 0 };
  };

  const resume = () => {
    if (!leftover || closed) return;
    const data = leftover;
    leftover = null;
    fill(data);
    if (!leftover) reader.stream.resume();
  };

  // ------------------------------------------------------------ hashing, encoding

  const dispatch = () => {
    const { slot, bytes: rawBytes } = filling!;
    filling = null;
    const sha256 = hash('sha256', slot.buffer.subarray(headroomBytes, headroomBytes + rawBytes), 'buffer');
    const entry: Entry = { sequence: next, rawBytes, sha256, slot, frame: null, acknowledged: false };
    next += 1;
    bytes += rawBytes;
    window.push(entry);
    digest.update(sha256);
    toEncode.push(entry);
    encode();
  };

  const encode = () => {
    while (compressing < bounds.compressionsMax && toEncode.length > 0) {
      const entry = toEncode.shift()!;
      const level = policy.levelFor({
        unacknowledged: Math.max(
          readyBytes / windowBytesMax,
          (window.length - toEncode.length) / bounds.windowFramesMax,
        ),
        unpackerBehind: unpackerBehind.value() >= bounds.inboxChunksMax / 2,
        waiting: toEncode.length,
        bytesPerS: rate.bytesPerS(),
      });
      if (level === 0) {
        seal(entry, null);
        continue;
      }
      compressing += 1;
      const raw = entry.slot!.buffer.subarray(headroomBytes, headroomBytes + entry.rawBytes);
      compressChunk(raw, level).then((encoded) => {
        compressing -= 1;
        seal(entry, policy.gained(level, entry.rawBytes, encoded.length) ? encoded : null);
        encode();
      }, fail);
    }
  };

  /** Makes the frame: around the slot's own data, or of the compressed data, which sets the slot free. */
  const seal = (entry: Entry, encoded: Buffer | null) => {
    const { sequence, rawBytes, sha256 } = entry;
    const frame = encoded
      ? Buffer.allocUnsafe(headroomBytes + encoded.length)
      : entry.slot!.buffer.subarray(0, headroomBytes + rawBytes);
    if (encoded) encoded.copy(frame, headroomBytes);
    const dataBytes = frame.length - headroomBytes;
    writeChunkHeaders(frame, { sequence, compressed: encoded !== null, rawBytes, sha256, dataBytes });
    entry.frame = frame;
    readyBytes += frame.length;
    if (encoded) release(entry);
    if (!closed) onChange();
  };

  const release = (entry: Entry) => {
    const needed = !entry.frame || (!entry.acknowledged && entry.frame.buffer === entry.slot?.buffer.buffer);
    if (needed || !entry.slot) return;
    const { slot } = entry;
    entry.slot = null;
    pool.free(slot);
  };

  // ------------------------------------------------------------ the end

  const finish = async () => {
    await packerEnded(reader, bounds.packerExitMsMax, () => leftover !== null);
    if (filling) dispatch();
    end = { chunks: next, bytes, sha256: digest.digest('hex') };
    if (!closed) onChange();
  };

  reader.stream.on('error', () => {});
  reader.stream.on('data', (data: Buffer) => {
    if (!closed) fill(data);
  });
  finish().catch(fail);

  return {
    first: () => first,
    next: () => next,
    frame: (sequence) => window[sequence - first]?.frame ?? null,
    end: () => end,
    failure: () => failure,
    acknowledge: (upTo, waiting = 0) => {
      unpackerBehind.see(waiting);
      while (first < upTo && window.length > 0) {
        const entry = window.shift()!;
        first += 1;
        entry.acknowledged = true;
        readyBytes -= entry.frame?.length ?? 0;
        acknowledgedBytes += entry.rawBytes;
        rate.add(entry.rawBytes);
        release(entry);
      }
      resume();
    },
    acknowledgedBytes: () => acknowledgedBytes,
    close: async () => {
      closed = true;
      aborter.abort();
      reader.stream.destroy();
      await settled(reader.finished, bounds.packerExitMsMax);
      pool.close();
    },
  };
}
