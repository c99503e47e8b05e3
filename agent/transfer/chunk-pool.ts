import { limits } from '../../schema/limits.ts';
import { chunkHeaderBytes, frameHeaderBytes } from '../../schema/volume-stream.ts';

/** Room for a chunk's headers in front of its data, so that a frame is one piece of memory and one write. */
export const headroomBytes = frameHeaderBytes + chunkHeaderBytes;

/** Memory for one chunk: headers, then up to `chunkBytesMax` of data. Shared, so that a worker thread can hash it. */
export interface Slot {
  buffer: Buffer;
}

export interface ChunkPool {
  /** Null when all slots are out; `onFree` is called when one comes back. */
  take(): Slot | null;
  free(slot: Slot): void;
}

/** At most `slotsMax` slots, made when first needed and then reused: a transfer's memory does not depend on its length. */
export function createChunkPool(slotsMax: number, onFree: () => void): ChunkPool {
  const idle: Slot[] = [];
  let made = 0;
  return {
    take: () => {
      const slot = idle.pop();
      if (slot) return slot;
      if (made === slotsMax) return null;
      made += 1;
      return { buffer: Buffer.from(new SharedArrayBuffer(headroomBytes + limits.stream.chunkBytesMax)) };
    },
    free: (slot) => {
      idle.push(slot);
      onFree();
    },
  };
}
