import { createHash } from 'node:crypto';
import { errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { End } from '../../schema/volume-stream.ts';
import { type ChunkDigest, chunkDigest } from './chunk-digest.ts';
import { type ChunkPool, createChunkPool, headroomBytes, type Slot } from './chunk-pool.ts';
import { compressChunk, createCompressionPolicy } from './compression.ts';
import { writeChunkHeaders } from './frame-codec.ts';
import type { StreamBounds } from './frame-connection.ts';
import { packerEnded, settled } from './packer-end.ts';
import { createLeast, createRate, type Least, type Rate } from './rate.ts';
import type { TarReader, TarSource } from './tar-ports.ts';

/** The window over one reading of a tar: encoded chunks that are not acknowledged yet. */
export interface SendWindow {
  /** The lowest sequence number still held, and the one after the highest. */
  first(): number;
  next(): number;
  /** Returns the complete frame of a chunk, null if not encoded yet. */
  frame(sequence: number): Buffer | null;
  /** Null until the tar was read to its end and the packer has succeeded. */
  end(): End | null;
  failure(): StackferryError | null;
  /** `waiting`: chunks that the target holds and its unpacker has not taken. */
  acknowledge(next: number, waiting?: number): void;
  acknowledgedBytes(): number;
  /** Stops the packer and waits until it has exited. */
  close(): Promise<void>;
}

interface Entry {
  sequence: number;
  rawBytes: number;
  digest: Buffer;
  /** Held while its data is needed, to be compressed or sent uncompressed. */
  slot: Slot | null;
  frame: Buffer | null;
  acknowledged: boolean;
}

/** Reads the packer into a bounded window; `key`: of its digests; `onChange`: a frame, the end or a failure is available. */
export async function openSendWindow(
  source: TarSource,
  key: Buffer | null,
  bounds: StreamBounds,
  onChange: () => void,
): Promise<SendWindow> {
  const aborter = new AbortController();
  return new ChunkWindow(await source.open(aborter.signal), chunkDigest(key), aborter, bounds, onChange);
}

class ChunkWindow implements SendWindow {
  readonly #reader: TarReader;
  readonly #aborter: AbortController;
  readonly #bounds: StreamBounds;
  readonly #onChange: () => void;
  readonly #chunkBytes: number;
  readonly #windowBytesMax: number;
  readonly #pool: ChunkPool;
  // Not hashed in a thread: handing chunks over cost more than it saved, 14 % of the total on two cores.
  readonly #digestOf: ChunkDigest;
  readonly #digests = createHash('sha256');
  readonly #policy = createCompressionPolicy();
  readonly #rate: Rate;
  readonly #unpackerBehind: Least;
  readonly #window: Entry[] = [];
  readonly #toEncode: Entry[] = [];
  #filling: { slot: Slot; bytes: number } | null = null;
  #leftover: Buffer | null = null;
  #first = 0;
  #next = 0;
  #compressing = 0;
  #bytes = 0;
  #acknowledgedBytes = 0;
  /** Bytes of frames that are not acknowledged yet. */
  #readyBytes = 0;
  #end: End | null = null;
  #failure: StackferryError | null = null;
  #closed = false;

  constructor(
    reader: TarReader,
    digestOf: ChunkDigest,
    aborter: AbortController,
    bounds: StreamBounds,
    onChange: () => void,
  ) {
    this.#reader = reader;
    this.#digestOf = digestOf;
    this.#aborter = aborter;
    this.#bounds = bounds;
    this.#onChange = onChange;
    this.#chunkBytes = Math.min(bounds.chunkBytesMax, limits.stream.chunkBytesMax);
    this.#windowBytesMax = bounds.windowChunksMax * this.#chunkBytes;
    this.#pool = createChunkPool(bounds.windowChunksMax, () => this.#resume());
    this.#rate = createRate(bounds.rateWindowMs);
    this.#unpackerBehind = createLeast(bounds.rateWindowMs);
    reader.stream.on('error', () => {});
    reader.stream.on('data', (data: Buffer) => {
      if (!this.#closed) this.#fill(data);
    });
    this.#finish().catch((error) => this.#fail(error));
  }

  first(): number {
    return this.#first;
  }

  next(): number {
    return this.#next;
  }

  frame(sequence: number): Buffer | null {
    return this.#window[sequence - this.#first]?.frame ?? null;
  }

  end(): End | null {
    return this.#end;
  }

  failure(): StackferryError | null {
    return this.#failure;
  }

  acknowledgedBytes(): number {
    return this.#acknowledgedBytes;
  }

  acknowledge(upTo: number, waiting = 0): void {
    this.#unpackerBehind.see(waiting);
    while (this.#first < upTo && this.#window.length > 0) {
      const entry = this.#window.shift()!;
      this.#first += 1;
      entry.acknowledged = true;
      this.#readyBytes -= entry.frame?.length ?? 0;
      this.#acknowledgedBytes += entry.rawBytes;
      this.#rate.add(entry.rawBytes);
      this.#release(entry);
    }
    this.#resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#aborter.abort();
    this.#reader.stream.destroy();
    await settled(this.#reader.finished, this.#bounds.packerExitMsMax);
    this.#pool.close();
  }

  // ------------------------------------------------------------ filling

  #fill(data: Buffer): void {
    for (let from = 0; from < data.length; ) {
      this.#filling ??= this.#emptySlot();
      const filling = this.#filling;
      if (!filling) {
        this.#leftover = data.subarray(from);
        this.#reader.stream.pause();
        return;
      }
      const count = Math.min(this.#chunkBytes - filling.bytes, data.length - from);
      data.copy(filling.slot.buffer, headroomBytes + filling.bytes, from, from + count);
      filling.bytes += count;
      from += count;
      if (filling.bytes === this.#chunkBytes) this.#dispatch(filling);
    }
  }

  #emptySlot(): { slot: Slot; bytes: number } | null {
    const hasRoom = this.#readyBytes < this.#windowBytesMax && this.#window.length < this.#bounds.windowFramesMax;
    const slot = hasRoom ? this.#pool.take() : null;
    return slot && { slot, bytes: 0 };
  }

  #resume(): void {
    const data = this.#leftover;
    if (!data || this.#closed) return;
    this.#leftover = null;
    this.#fill(data);
    if (!this.#leftover) this.#reader.stream.resume();
  }

  // ------------------------------------------------------------ hashing, encoding

  #dispatch({ slot, bytes: rawBytes }: { slot: Slot; bytes: number }): void {
    this.#filling = null;
    const digest = this.#digestOf(this.#next, slot.buffer.subarray(headroomBytes, headroomBytes + rawBytes));
    const entry: Entry = { sequence: this.#next, rawBytes, digest, slot, frame: null, acknowledged: false };
    this.#next += 1;
    this.#bytes += rawBytes;
    this.#window.push(entry);
    this.#digests.update(digest);
    this.#toEncode.push(entry);
    this.#encode();
  }

  #encode(): void {
    while (this.#compressing < this.#bounds.compressionsMax && this.#toEncode.length > 0) {
      const entry = this.#toEncode.shift()!;
      const level = this.#level();
      if (level === 0) {
        this.#seal(entry, null);
        continue;
      }
      this.#compressing += 1;
      const raw = entry.slot!.buffer.subarray(headroomBytes, headroomBytes + entry.rawBytes);
      compressChunk(raw, level).then(
        (encoded) => {
          this.#compressing -= 1;
          this.#seal(entry, this.#policy.gained(level, entry.rawBytes, encoded.length) ? encoded : null);
          this.#encode();
        },
        (error) => this.#fail(error),
      );
    }
  }

  #level(): number {
    const waiting = this.#toEncode.length;
    return this.#policy.levelFor({
      unacknowledged: Math.max(
        this.#readyBytes / this.#windowBytesMax,
        (this.#window.length - waiting) / this.#bounds.windowFramesMax,
      ),
      unpackerBehind: this.#unpackerBehind.value() >= this.#bounds.inboxChunksMax / 2,
      waiting,
      bytesPerS: this.#rate.bytesPerS(),
    });
  }

  /** Builds the frame around the slot's own data, or from the compressed data, which frees the slot. */
  #seal(entry: Entry, encoded: Buffer | null): void {
    const { sequence, rawBytes, digest } = entry;
    const frame = encoded
      ? Buffer.allocUnsafe(headroomBytes + encoded.length)
      : entry.slot!.buffer.subarray(0, headroomBytes + rawBytes);
    if (encoded) encoded.copy(frame, headroomBytes);
    const dataBytes = frame.length - headroomBytes;
    writeChunkHeaders(frame, { sequence, compressed: encoded !== null, rawBytes, digest, dataBytes });
    entry.frame = frame;
    this.#readyBytes += frame.length;
    if (encoded) this.#release(entry);
    if (!this.#closed) this.#onChange();
  }

  #release(entry: Entry): void {
    const needed = !entry.frame || (!entry.acknowledged && entry.frame.buffer === entry.slot?.buffer.buffer);
    if (needed || !entry.slot) return;
    const { slot } = entry;
    entry.slot = null;
    this.#pool.free(slot);
  }

  // ------------------------------------------------------------ the end

  async #finish(): Promise<void> {
    await packerEnded(this.#reader, this.#bounds.packerExitMsMax, () => this.#leftover !== null);
    if (this.#filling) this.#dispatch(this.#filling);
    this.#end = { chunks: this.#next, bytes: this.#bytes, sha256: this.#digests.digest('hex') };
    if (!this.#closed) this.#onChange();
  }

  #fail(error: unknown): void {
    if (this.#failure || this.#closed) return;
    this.#failure = new StackferryError(errorCodeOf(error, 'pack_failed'), `Packing failed: ${errorMessageOf(error)}`, {
      cause: error,
    });
    this.#onChange();
  }
}
