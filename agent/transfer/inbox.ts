import { createHash } from 'node:crypto';
import { errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import type { End } from '../../schema/volume-stream.ts';
import { type ChunkPool, createChunkPool, headroomBytes, type Slot } from './chunk-pool.ts';
import { decompressChunk } from './compression.ts';
import type { ChunkFrame } from './frame-codec.ts';
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
  /** Takes the chunk of that number, whose CRC has been checked; owns its slot. */
  accept(chunk: ChunkFrame): void;
  /** Chunks and bytes that the unpacker was handed. */
  unpackedChunks(): number;
  unpackedBytes(): number;
  failure(): StackferryError | null;
  /** Compares counts and digest, lets the unpacker finish and the filesystem sync. Throws `digest_mismatch`, `unpack_failed`, or the unpacker's own failure. */
  finish(end: End): Promise<ItemProof>;
  /** Stops the unpacker and waits until it is gone. */
  close(): Promise<void>;
}

/** Opens the unpacker; `onChange` is called when a slot came free, the unpacker took a chunk, or failed. */
export async function openInbox(sink: TarSink, bounds: StreamBounds, onChange: () => void): Promise<Inbox> {
  const aborter = new AbortController();
  const writer = await sink.open(aborter.signal);
  const digest = createHash('sha256');
  const pool = createChunkPool(bounds.inboxChunksMax, () => closed || onChange());
  let next = 0;
  let receivedBytes = 0;
  let unpackedChunks = 0;
  let unpackedBytes = 0;
  let decoded: Promise<void> = Promise.resolve();
  let failure: StackferryError | null = null;
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
    const taken = feed.write(data);
    // While the unpacker takes it.
    digest.update(data);
    taken.then(() => {
      unpackedChunks += 1;
      unpackedBytes += data.length;
      pool.free(slot);
    }, fail);
  };

  const decode = async (chunk: ChunkFrame) => {
    const { slot, dataBytes, rawBytes, compressed } = chunk;
    if (compressed) {
      const raw = await decompressChunk(slot.buffer.subarray(headroomBytes, headroomBytes + dataBytes));
      if (raw.length !== rawBytes)
        throw new StackferryError('transfer_protocol', 'A chunk holds other bytes than it says');
      raw.copy(slot.buffer, headroomBytes);
    }
    if (closed) return;
    handToUnpacker(slot.buffer.subarray(headroomBytes, headroomBytes + rawBytes), slot);
  };

  const prove = async (end: End): Promise<ItemProof> => {
    await decoded;
    const sha256 = digest.digest('hex');
    if (end.chunks !== next || end.bytes !== receivedBytes || end.sha256 !== sha256) throw mismatch();
    await feed.finish(bounds.unpackerExitMsMax).catch((error: unknown) => Promise.reject(failure ?? error));
    return { bytes: receivedBytes, sha256 };
  };

  return {
    pool,
    next: () => next,
    accept: (chunk) => {
      next += 1;
      receivedBytes += chunk.rawBytes;
      decoded = decoded.then(() => decode(chunk));
      decoded.catch(fail);
    },
    unpackedChunks: () => unpackedChunks,
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
