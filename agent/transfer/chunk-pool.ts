import { limits } from '../../schema/limits.ts';
import { chunkHeaderBytes, frameHeaderBytes } from '../../schema/volume-stream.ts';

/** Room for a chunk's headers in front of its data, so that a frame is one buffer and one write. */
export const headroomBytes = frameHeaderBytes + chunkHeaderBytes;

/** Memory for one chunk: headers, then up to `chunkBytesMax` of data. */
export interface Slot {
  buffer: Buffer;
}

export interface ChunkPool {
  /** Returns null when all slots are taken; `onFree` is called when one is freed. */
  take(): Slot | null;
  free(slot: Slot): void;
  /** Raises the number of slots; it is never lowered. */
  grow(slotsMax: number): void;
  /** Leaves the idle slots to the next pool. Taken ones are dropped. */
  close(): void;
}

/** Idle slots of closed pools, for the next transfer: large buffers are slow to be garbage collected. */
const spare: Slot[] = [];

/** Creates a pool of a bounded number of reused slots, so that a transfer's memory does not depend on its length. */
export function createChunkPool(slotsAtFirst: number, onFree: () => void): ChunkPool {
  const idle: Slot[] = [];
  let slotsMax = slotsAtFirst;
  let taken = 0;
  return {
    take: () => {
      const slot = idle.pop();
      if (slot) return slot;
      if (taken >= slotsMax) return null;
      taken += 1;
      return spare.pop() ?? { buffer: Buffer.allocUnsafeSlow(headroomBytes + limits.stream.chunkBytesMax) };
    },
    free: (slot) => {
      idle.push(slot);
      onFree();
    },
    grow: (to) => {
      slotsMax = Math.max(slotsMax, to);
    },
    close: () => {
      const room = limits.stream.spareSlotsMax - spare.length;
      spare.push(...idle.splice(0, Math.max(0, room)));
      idle.length = 0;
    },
  };
}
