import type { TLSSocket } from 'node:tls';
import { chunkDigest } from '../../agent/transfer/chunk-digest.ts';
import { headroomBytes } from '../../agent/transfer/chunk-pool.ts';
import { createFrameReader, encodeControl, type Frame, writeChunkHeaders } from '../../agent/transfer/frame-codec.ts';
import { volumeStreamVersion } from '../../schema/volume-stream.ts';

/** Reads a connection's frames one by one; `null` when it was closed. For tests that speak the protocol by hand. */
export function framesOf(socket: TLSSocket): { next(): Promise<Frame | null> } {
  const arrived: (Frame | null)[] = [];
  let wake = () => {};
  const put = (frame: Frame | null) => {
    arrived.push(frame);
    wake();
  };
  const reader = createFrameReader({
    takeSlot: () => ({ buffer: Buffer.alloc(headroomBytes + 1_048_576) }),
    freeSlot: () => {},
    onFrame: put,
  });
  socket.on('data', (bytes: Buffer) => void reader.push(bytes));
  socket.on('error', () => {});
  socket.on('close', () => put(null));
  return {
    next: async () => {
      for (;;) {
        const frame = arrived.shift();
        if (frame !== undefined && frame?.name !== 'alive') return frame;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** A CHUNK as bytes, its digest without a key; `forged` replaces fields of its header. */
export function chunkFrame(
  sequence: number,
  data: Buffer,
  forged: Partial<{ rawBytes: number; digest: Buffer; compressed: boolean }> = {},
): Buffer {
  const frame = Buffer.concat([Buffer.alloc(headroomBytes), data]);
  writeChunkHeaders(frame, {
    sequence,
    compressed: false,
    rawBytes: data.length,
    digest: chunkDigest(null)(sequence, data),
    dataBytes: data.length,
    ...forged,
  });
  return frame;
}

/** As of the previous release; `added` fields are newer. */
export const helloFrame = (
  stream = 'stream-1',
  lane = 'data',
  key: Buffer | null = null,
  added: { bundle?: string; stripe?: number } = {},
) =>
  encodeControl('hello', { version: volumeStreamVersion, lane, stream, key: key?.toString('hex') ?? null, ...added });

export const welcomeFrame = (next: number, keyed = true) =>
  encodeControl('welcome', { version: volumeStreamVersion, next, verified: null, keyed });

/** A frame header that promises this many bytes, with nothing behind it. */
export function bareHeader(type: number, length: number): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(length >>> 0, 1);
  return header;
}
