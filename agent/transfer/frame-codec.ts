import type { z } from 'zod';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import {
  ackBytes,
  chunkDigestBytes,
  chunkFlagZstd,
  chunkHeaderBytes,
  type FrameName,
  frameHeaderBytes,
  frameType,
  payloadBytesMax,
  receivedBytes,
} from '../../schema/volume-stream.ts';
import { headroomBytes, type Slot } from './chunk-pool.ts';

export interface ChunkFrame {
  sequence: number;
  compressed: boolean;
  /** Bytes before compression. */
  rawBytes: number;
  /** Of the bytes before compression. */
  digest: Buffer;
  /** Bytes of data in the slot, after its headroom. */
  dataBytes: number;
  slot: Slot;
}

export type Frame = { name: 'chunk'; chunk: ChunkFrame } | { name: Exclude<FrameName, 'chunk'>; payload: Buffer };

const names = new Map(Object.entries(frameType).map(([name, type]) => [type as number, name as FrameName]));

export function violation(why: string): StackferryError {
  return new StackferryError('transfer_protocol', `The peer broke the transfer's protocol: ${why}`);
}

/** Encodes a control frame: JSON for the frames that have a message, else no payload. */
export function encodeControl(name: Exclude<FrameName, 'chunk' | 'ack' | 'received'>, message?: object): Buffer {
  const json = message === undefined ? '' : JSON.stringify(message);
  const length = Buffer.byteLength(json);
  const frame = Buffer.allocUnsafe(frameHeaderBytes + length);
  frame.writeUInt8(frameType[name], 0);
  frame.writeUInt32BE(length, 1);
  frame.write(json, frameHeaderBytes);
  return frame;
}

export function encodeAck(next: number, waiting: number): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + ackBytes);
  frame.writeUInt8(frameType.ack, 0);
  frame.writeUInt32BE(ackBytes, 1);
  frame.writeUInt32BE(next, frameHeaderBytes);
  frame.writeUInt32BE(waiting, frameHeaderBytes + 4);
  return frame;
}

export function encodeReceived(sequence: number): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + receivedBytes);
  frame.writeUInt8(frameType.received, 0);
  frame.writeUInt32BE(receivedBytes, 1);
  frame.writeUInt32BE(sequence, frameHeaderBytes);
  return frame;
}

/** Writes both headers of a CHUNK into the first `headroomBytes` of a buffer, right before its data. */
export function writeChunkHeaders(buffer: Buffer, chunk: Omit<ChunkFrame, 'slot'>): void {
  buffer.writeUInt8(frameType.chunk, 0);
  buffer.writeUInt32BE(chunkHeaderBytes + chunk.dataBytes, 1);
  buffer.writeUInt32BE(chunk.sequence, 5);
  buffer.writeUInt8(chunk.compressed ? chunkFlagZstd : 0, 9);
  buffer.writeUInt32BE(chunk.rawBytes, 10);
  chunk.digest.copy(buffer, 14);
}

/** Returns the validated message of a JSON frame; throws a violation. */
export function decodeControl<T>(schema: z.ZodType<T>, payload: Buffer): T {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8'));
  } catch {
    throw violation('a control frame is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw violation('a control frame is malformed');
  return parsed.data;
}

export interface FrameReader {
  /**
   * Takes bytes in pieces of any size and returns how many it took: fewer than given only if it needs a slot and
   * `takeSlot` has none. Throws a violation at the first invalid header, before buffering any of that frame's payload.
   */
  push(bytes: Buffer): number;
  /** True between frames: a connection that ends anywhere else has cut a frame. */
  atBoundary(): boolean;
  /** Frees the slot of a partly read chunk. */
  close(): void;
}

/** Decodes bytes into frames. Chunk data is copied straight into a slot; `onFrame` owns the slot from then on. */
export function createFrameReader(options: {
  takeSlot: () => Slot | null;
  freeSlot: (slot: Slot) => void;
  onFrame: (frame: Frame) => void;
}): FrameReader {
  // A chunk's frame header and chunk header are read together.
  const header = Buffer.alloc(headroomBytes);
  let have = 0;
  let need = frameHeaderBytes;
  let chunk: ChunkFrame | null = null;
  let payload: Buffer | null = null;

  const next = () => {
    have = 0;
    need = frameHeaderBytes;
    chunk = null;
    payload = null;
  };

  /** Called with a complete header; returns false if a slot is needed and none is free. */
  const begin = (): boolean => {
    const type = header.readUInt8(0);
    const length = header.readUInt32BE(1);
    const max = payloadBytesMax(type);
    if (max === undefined) throw violation(`unknown frame type ${type}`);
    if (length > max) throw violation(`a frame of ${length} bytes`);
    if (type !== frameType.chunk) {
      const fixed = type === frameType.ack || type === frameType.received;
      if (fixed && length !== max) throw violation(`${names.get(type)} of a wrong length`);
      payload = Buffer.allocUnsafe(length);
      have = 0;
      need = length;
      return true;
    }
    if (length <= chunkHeaderBytes) throw violation('a chunk without data');
    if (need < headroomBytes) {
      need = headroomBytes;
      return true;
    }
    const fields = readChunkHeader(header, length);
    const slot = options.takeSlot();
    if (!slot) return false;
    chunk = { ...fields, slot };
    have = 0;
    need = fields.dataBytes;
    return true;
  };

  const deliver = () => {
    if (chunk) {
      const whole = chunk;
      next();
      options.onFrame({ name: 'chunk', chunk: whole });
    } else {
      const name = names.get(header.readUInt8(0)) as Exclude<FrameName, 'chunk'>;
      const whole = payload!;
      next();
      options.onFrame({ name, payload: whole });
    }
  };

  return {
    push: (bytes) => {
      let taken = 0;
      for (;;) {
        const inHeader = !chunk && !payload;
        const target = chunk ? chunk.slot.buffer : (payload ?? header);
        const count = Math.min(need - have, bytes.length - taken);
        bytes.copy(target, (chunk ? headroomBytes : 0) + have, taken, taken + count);
        have += count;
        taken += count;
        if (have < need) return taken;
        if (!inHeader) deliver();
        else if (!begin()) return taken;
        else if (payload && need === 0) deliver();
      }
    },
    atBoundary: () => have === 0 && !chunk && !payload,
    close: () => {
      if (chunk) options.freeSlot(chunk.slot);
      next();
    },
  };
}

function readChunkHeader(header: Buffer, length: number): Omit<ChunkFrame, 'slot'> {
  const flags = header.readUInt8(9);
  const dataBytes = length - chunkHeaderBytes;
  const rawBytes = header.readUInt32BE(10);
  const compressed = flags === chunkFlagZstd;
  if (flags !== 0 && !compressed) throw violation(`unknown chunk flags ${flags}`);
  if (rawBytes === 0 || rawBytes > limits.stream.chunkBytesMax) throw violation(`a chunk of ${rawBytes} bytes`);
  if (!compressed && rawBytes !== dataBytes) throw violation('a chunk whose lengths disagree');
  const digest = Buffer.from(header.subarray(14, 14 + chunkDigestBytes));
  return { sequence: header.readUInt32BE(5), compressed, rawBytes, digest, dataBytes };
}
