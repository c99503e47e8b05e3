import { createHash, hash } from 'node:crypto';
import { errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import type { End } from '../../schema/volume-stream.ts';
import { type ChunkPool, createChunkPool, headroomBytes, type Slot } from './chunk-pool.ts';
import { decompressChunk } from './compression.ts';
import { type ChunkFrame, violation } from './frame-codec.ts';
import type { StreamBounds } from './frame-connection.ts';
import { settled } from './packer-end.ts';
import type { ItemProof, TarSink } from './tar-ports.ts';
import { feedUnpacker } from './unpacker-feed.ts';

/** One unpacking of an item: chunks in, in order, until the end and its proof. */
export interface Inbox {
  /** Where the data of coming chunks goes. */
  pool: ChunkPool;
  /** The chunk wanted next. */
  next(): number;
  /** The same, at the begin of a connection: damage that was found over the one before is forgotten. */
  resume(): number;
  /** Takes the chunk of that number; owns its slot. */
  accept(chunk: ChunkFrame): void;
  /** Set when a chunk did not come as it was packed: it and what came behind it is wanted again, over another connection. */
  damage(): StackferryError | null;
  /** Chunks and bytes that the unpacker was handed. */
  unpackedChunks(): number;
  unpackedBytes(): number;
  /** Chunks that came, and are not with the unpacker yet. */
  waitingChunks(): number;
  failure(): StackferryError | null;
  /** Compares counts and digest, lets the unpacker finish and the filesystem sync. Throws `digest_mismatch`, `unpack_failed`, or the unpacker's own failure. */
  finish(end: End): Promise<ItemProof>;
  /** Stops the unpacker and waits until it is gone. */
  close(): Promise<void>;
}

/** Opens the unpacker; `onChange` is called when a slot came free, the unpacker took a chunk or failed, or a chunk was damaged. */
export async function openInbox(sink: TarSink, bounds: StreamBounds, onChange: () => void): Promise<Inbox> {
  const aborter = new AbortController();
  const writer = await sink.open(aborter.signal);
  const digest = createHash('sha256');
  const pool = createChunkPool(bounds.inboxChunksMax, () => closed || onChange());
  let next = 0;
  /** Chunks and bytes that came as they were packed. */
  let soundChunks = 0;
  let soundBytes = 0;
  let unpackedChunks = 0;
  let unpackedBytes = 0;
  let decoded: Promise<void> = Promise.resolve();
  let failure: StackferryError | null = null;
  let damage: StackferryError | null = null;
  let closed = false;
  let finishing: { end: End; proof: Promise<ItemProof> } | null = null;

  const fail = (error: unknown) => {
    if (failure || closed) return;
    failure = new StackferryError(errorCodeOf(error, 'unpack_failed'), `Unpacking failed: ${errorMessageOf(error)}`, {
      cause: error,
    });
    onChange();
  };

  const feed = feedUnpacker(writer, bounds.packerExitMsMax, fail);

  const handToUnpacker = (data: Buffer, slot: Slot) => {
    feed.write(data).then(() => {
      unpackedChunks += 1;
      unpackedBytes += data.length;
      pool.free(slot);
    }, fail);
  };

  /** The chunk's bytes, in its slot. */
  const decompressed = async ({ slot, dataBytes, rawBytes, compressed }: ChunkFrame): Promise<Buffer> => {
    if (compressed) {
      const raw = await decompressChunk(slot.buffer.subarray(headroomBytes, headroomBytes + dataBytes));
      if (raw.length !== rawBytes)
        throw new StackferryError('transfer_protocol', 'A chunk holds other bytes than it says');
      raw.copy(slot.buffer, headroomBytes);
    }
    return slot.buffer.subarray(headroomBytes, headroomBytes + rawBytes);
  };

  const decode = async (chunk: ChunkFrame) => {
    const { sequence, slot, sha256 } = chunk;
    // One before it was damaged.
    if (sequence !== soundChunks) return pool.free(slot);
    const data = await decompressed(chunk);
    if (closed) return;
    if (hash('sha256', data, 'buffer').equals(sha256)) {
      soundChunks += 1;
      soundBytes += data.length;
      digest.update(sha256);
      return handToUnpacker(data, slot);
    }
    next = sequence;
    finishing = null;
    damage = violation(`chunk ${sequence} is damaged`);
    pool.free(slot);
  };

  const prove = async (end: End): Promise<ItemProof> => {
    await decoded;
    if (end.chunks !== soundChunks || end.bytes !== soundBytes) throw mismatch();
    const sha256 = digest.digest('hex');
    if (end.sha256 !== sha256) throw mismatch();
    await feed.finish(bounds.unpackerExitMsMax).catch((error: unknown) => Promise.reject(failure ?? error));
    return { bytes: soundBytes, sha256 };
  };

  return {
    pool,
    next: () => next,
    resume: () => {
      damage = null;
      return next;
    },
    damage: () => damage,
    accept: (chunk) => {
      next += 1;
      decoded = decoded.then(() => decode(chunk));
      decoded.catch(fail);
    },
    unpackedChunks: () => unpackedChunks,
    waitingChunks: () => next - unpackedChunks,
    unpackedBytes: () => unpackedBytes,
    failure: () => failure,
    finish: (end) => {
      // Asked again by a source that lost the connection while we were syncing.
      finishing ??= { end, proof: prove(end) };
      return finishing.end.sha256 === end.sha256 ? finishing.proof : Promise.reject(mismatch());
    },
    close: async () => {
      closed = true;
      aborter.abort();
      writer.stream.destroy();
      await settled(writer.finished, bounds.packerExitMsMax);
      pool.close();
    },
  };
}

const mismatch = () => new StackferryError('digest_mismatch', 'What arrived is not what was packed');
