import { limits } from '../../schema/limits.ts';
import { chunkHeaderBytes, frameHeaderBytes } from '../../schema/volume-stream.ts';

/** Room for a chunk's headers in front of its data, so that a frame is one piece of memory and one write. */
export const headroomBytes = frameHeaderBytes + chunkHeaderBytes;

/** Memory for one chunk: headers, then up to `chunkBytesMax` of data. */
export interface Slot {
  buffer: Buffer;
}

export interface ChunkPool {
  /** Null when all slots are out; `onFree` is called when one comes back. */
  take(): Slot | null;
  free(slot: Slot): void;
  /** Leaves the slots to the next pool. What is still out then is forgotten. */
  close(): void;
}

/** Slots of pools that were closed: large memory is slow to be collected, so the next transfer had better take these. */
const spare: Slot[] = [];

/** At most `slotsMax` slots, made when first needed and then reused: a transfer's memory does not depend on its length. */
export function createChunkPool(slotsMax: number, onFree: () => void): ChunkPool {
  const idle: Slot[] = [];
  let taken = 0;
  return {
    take: () => {
      const slot = idle.pop();
      if (slot) return slot;
      if (taken === slotsMax) return null;
      taken += 1;
      return spare.pop() ?? { buffer: Buffer.allocUnsafeSlow(headroomBytes + limits.stream.chunkBytesMax) };
    },
    free: (slot) => {
      idle.push(slot);
      onFree();
    },
    close: () => {
      const room = limits.stream.spareSlotsMax - spare.length;
      spare.push(...idle.splice(0, Math.max(0, room)));
      idle.length = 0;
    },
  };
}
