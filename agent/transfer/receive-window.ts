import { createHash } from 'node:crypto';
import { errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import type { End } from '../../schema/volume-stream.ts';
import { chunkDigest } from './chunk-digest.ts';
import { type ChunkPool, createChunkPool, headroomBytes, type Slot } from './chunk-pool.ts';
import { decompressChunk } from './compression.ts';
import { type ChunkFrame, violation } from './frame-codec.ts';
import type { StreamBounds } from './frame-connection.ts';
import { settled } from './packer-end.ts';
import type { ItemProof, TarSink, TarWriter } from './tar-ports.ts';
import { feedUnpacker } from './unpacker-feed.ts';

/** One unpacking of an item: chunks, put in order, until the end and its proof. */
export interface ReceiveWindow {
  pool: ChunkPool;
  /** Returns the sequence number expected next: all before have come. */
  next(): number;
  /** True if this later chunk has come. */
  holds(sequence: number): boolean;
  /**
   * Returns the same at the start of a connection, and forgets damage found on the one before, and what is out of order.
   * `key`: of the stream's digests, the same at each.
   */
  resume(key: Buffer | null): number;
  /** Takes the next chunk in sequence, or one after it that is not held yet; owns its slot. */
  accept(chunk: ChunkFrame): void;
  /** Set when a chunk arrived damaged: it and all after it are requested again over another connection. */
  damage(): StackferryError | null;
  /** Chunks and bytes handed to the unpacker. */
  unpackedChunks(): number;
  unpackedBytes(): number;
  /** Chunks received but not yet handed to the unpacker. */
  waitingChunks(): number;
  failure(): StackferryError | null;
  /**
   * Compares counts and digest, then lets the unpacker exit and the filesystem sync. Throws `digest_mismatch`,
   * `unpack_failed`, or the unpacker's own error.
   */
  finish(end: End): Promise<ItemProof>;
  /** Stops the unpacker and waits until it has exited. */
  close(): Promise<void>;
}

/**
 * Opens the unpacker; `onChange`: a slot is free, the unpacker took a chunk or failed, or a chunk is damaged;
 * `onUnpacked`: see `TarWriter.unpacked`.
 */
export async function openReceiveWindow(
  sink: TarSink,
  bounds: StreamBounds,
  onChange: () => void,
  onUnpacked: () => void = () => {},
): Promise<ReceiveWindow> {
  const aborter = new AbortController();
  const writer = await sink.open(aborter.signal);
  void writer.unpacked?.then(() => aborter.signal.aborted || onUnpacked());
  return new UnpackingWindow(writer, aborter, bounds, onChange);
}

class UnpackingWindow implements ReceiveWindow {
  readonly pool: ChunkPool;
  readonly #writer: TarWriter;
  readonly #aborter: AbortController;
  readonly #bounds: StreamBounds;
  readonly #onChange: () => void;
  readonly #feed: ReturnType<typeof feedUnpacker>;
  readonly #digests = createHash('sha256');
  #digestOf = chunkDigest(null);
  #next = 0;
  /** Chunks out of order; the sender's limit bounds them. */
  readonly #held = new Map<number, ChunkFrame>();
  /** Chunks and bytes whose digest matched. */
  #soundChunks = 0;
  #soundBytes = 0;
  #unpackedChunks = 0;
  #unpackedBytes = 0;
  #decoded: Promise<void> = Promise.resolve();
  #failure: StackferryError | null = null;
  #damage: StackferryError | null = null;
  #closed = false;
  #finishing: { end: End; proof: Promise<ItemProof> } | null = null;

  constructor(writer: TarWriter, aborter: AbortController, bounds: StreamBounds, onChange: () => void) {
    this.#writer = writer;
    this.#aborter = aborter;
    this.#bounds = bounds;
    this.#onChange = onChange;
    this.pool = createChunkPool(bounds.inboxChunksMax, () => this.#closed || onChange());
    this.#feed = feedUnpacker(writer, bounds.packerExitMsMax, (error) => this.#fail(error));
  }

  next(): number {
    return this.#next;
  }
  holds(sequence: number): boolean {
    return this.#held.has(sequence);
  }
  damage(): StackferryError | null {
    return this.#damage;
  }
  unpackedChunks(): number {
    return this.#unpackedChunks;
  }
  unpackedBytes(): number {
    return this.#unpackedBytes;
  }
  waitingChunks(): number {
    return this.#next - this.#unpackedChunks;
  }
  failure(): StackferryError | null {
    return this.#failure;
  }

  resume(key: Buffer | null): number {
    this.#digestOf = chunkDigest(key);
    this.#damage = null;
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const { slot } of held) this.pool.free(slot);
    return this.#next;
  }

  accept(chunk: ChunkFrame): void {
    this.#held.set(chunk.sequence, chunk);
    for (let next = this.#held.get(this.#next); next; next = this.#held.get(this.#next)) {
      this.#held.delete(this.#next);
      this.#next += 1;
      this.#append(next);
    }
  }

  #append(chunk: ChunkFrame): void {
    this.#decoded = this.#decoded.then(() => this.#decode(chunk));
    this.#decoded.catch((error) => this.#fail(error));
  }

  finish(end: End): Promise<ItemProof> {
    // A source that lost its connection during the sync sends END again.
    this.#finishing ??= { end, proof: this.#prove(end) };
    return this.#finishing.end.sha256 === end.sha256 ? this.#finishing.proof : Promise.reject(mismatch());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#aborter.abort();
    this.#writer.stream.destroy();
    await settled(this.#writer.finished, this.#bounds.packerExitMsMax);
    this.pool.close();
  }

  async #decode(chunk: ChunkFrame): Promise<void> {
    const { sequence, slot, digest } = chunk;
    // An earlier chunk was damaged.
    if (sequence !== this.#soundChunks) {
      this.pool.free(slot);
      return;
    }
    const data = await decompressed(chunk);
    if (this.#closed) return;
    if (this.#digestOf(sequence, data).equals(digest)) {
      this.#soundChunks += 1;
      this.#soundBytes += data.length;
      this.#digests.update(digest);
      this.#handToUnpacker(data, slot);
      return;
    }
    this.#next = sequence;
    this.#finishing = null;
    this.#damage = violation(`chunk ${sequence} is damaged`);
    this.pool.free(slot);
  }

  #handToUnpacker(data: Buffer, slot: Slot): void {
    this.#feed.write(data).then(
      () => {
        this.#unpackedChunks += 1;
        this.#unpackedBytes += data.length;
        this.pool.free(slot);
      },
      (error) => this.#fail(error),
    );
  }

  async #prove(end: End): Promise<ItemProof> {
    await this.#decoded;
    if (end.chunks !== this.#soundChunks || end.bytes !== this.#soundBytes) throw mismatch();
    const sha256 = this.#digests.digest('hex');
    if (end.sha256 !== sha256) throw mismatch();
    await this.#feed
      .finish(this.#bounds.unpackerExitMsMax)
      .catch((error: unknown) => Promise.reject(this.#failure ?? error));
    return { bytes: this.#soundBytes, sha256 };
  }

  #fail(error: unknown): void {
    if (this.#failure || this.#closed) return;
    const code = errorCodeOf(error, 'unpack_failed');
    // An error with a code of its own says what failed.
    const message = code === 'unpack_failed' ? `Unpacking failed: ${errorMessageOf(error)}` : errorMessageOf(error);
    this.#failure = new StackferryError(code, message, { cause: error });
    this.#onChange();
  }
}

/** Returns the chunk's bytes, in its slot. */
async function decompressed({ slot, dataBytes, rawBytes, compressed }: ChunkFrame): Promise<Buffer> {
  if (compressed) {
    const raw = await decompressChunk(slot.buffer.subarray(headroomBytes, headroomBytes + dataBytes));
    if (raw.length !== rawBytes)
      throw new StackferryError('transfer_protocol', "A chunk's size differs from its header");
    raw.copy(slot.buffer, headroomBytes);
  }
  return slot.buffer.subarray(headroomBytes, headroomBytes + rawBytes);
}

const mismatch = () => new StackferryError('digest_mismatch', 'The received data differs from the packed data');
