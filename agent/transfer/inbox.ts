import { errorCodeOf, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import type { End } from '../../schema/volume-stream.ts';
import { type ChunkPool, createChunkPool, headroomBytes, type Slot } from './chunk-pool.ts';
import { decompressChunk } from './compression.ts';
import { createDigest } from './digest.ts';
import type { ChunkFrame } from './frame-codec.ts';
import type { StreamBounds } from './frame-connection.ts';
import { settled } from './packer-end.ts';
import type { ItemProof, TarSink } from './tar-ports.ts';

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
  const digest = createDigest();
  const pool = createChunkPool(bounds.inboxChunksMax, () => closed || onChange());
  let next = 0;
  let receivedBytes = 0;
  let unpackedChunks = 0;
  let unpackedBytes = 0;
  let decoded: Promise<void> = Promise.resolve();
  let failure: StackferryError | null = null;
  let closed = false;
  /** The unpacker is content and gone: what is still to come can only be padding. */
  let exited = false;
  /** Chunks that were given to the unpacker's stream and not taken yet. */
  const writing = new Map<() => void, Buffer>();
  let finishing: { end: End; proof: Promise<ItemProof> } | null = null;

  const fail = (error: unknown) => {
    if (failure || closed) return;
    failure = new StackferryError(errorCodeOf(error, 'unpack_failed'), `Unpacking failed: ${errorMessageOf(error)}`, {
      cause: error,
    });
    onChange();
  };

  const finished = writer.finished.then(() => {
    exited = true;
    // It stopped reading before the last padding: nobody will take what is left in the stream. How far it came in the
    // first of these is not known, but even that one must end in an end mark.
    for (const [index, [taken, data]] of [...writing].entries()) {
      if (!isPadding(index === 0 ? data.subarray(-endMarkBytes) : data)) throw endedEarly();
      taken();
    }
  });
  finished.catch(fail);
  // A pipe that broke is explained by the unpacker's exit, which may take a moment.
  writer.stream.on('error', (error) => {
    void settled(writer.finished, bounds.packerExitMsMax).then(() => exited || fail(error));
  });

  const handToUnpacker = (data: Buffer, slot: Slot, hashed: Promise<void>) => {
    const done = new Promise<void>((resolve) => {
      const taken = () => {
        writing.delete(taken);
        resolve();
      };
      if (exited) {
        if (!isPadding(data)) return fail(endedEarly());
        return taken();
      }
      writing.set(taken, data);
      writer.stream.write(data, (error) => {
        if (!error) taken();
      });
    });
    Promise.all([done, hashed]).then(() => {
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
    const data = slot.buffer.subarray(headroomBytes, headroomBytes + rawBytes);
    handToUnpacker(data, slot, digest.update(data));
  };

  const prove = async (end: End): Promise<ItemProof> => {
    await decoded;
    const sha256 = await digest.hex();
    if (end.chunks !== next || end.bytes !== receivedBytes || end.sha256 !== sha256) throw mismatch();
    if (!exited) writer.stream.end();
    await settled(finished, bounds.unpackerExitMsMax);
    if (failure) throw failure;
    if (!exited) throw new StackferryError('unpack_failed', 'The unpacker did not exit');
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
      digest.discard();
      writer.stream.destroy();
      await settled(writer.finished, bounds.packerExitMsMax);
    },
  };
}

/** Two blocks of zeros end a tar; zeros up to the blocking factor follow. */
const endMarkBytes = 1024;

function isPadding(data: Buffer): boolean {
  return data.every((byte) => byte === 0);
}

const endedEarly = () => new StackferryError('unpack_failed', 'The unpacker ended before the tar did');
const mismatch = () => new StackferryError('digest_mismatch', 'What arrived is not what was packed');
