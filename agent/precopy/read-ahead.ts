import { limits } from '../../schema/limits.ts';
import { sharedBuffer } from './thread-memory.ts';

const { readBytes, readsAheadMax } = limits.warm;
/** Pieces that a reader may still hold when the next is produced; see `tar-ports.ts`. */
const heldMax = 4;

/** Memory for the pieces of one file after another, shared with threads. */
export interface ReadSlots {
  take(): Buffer;
  giveBack(slot: Buffer, sent: boolean): void;
}

/** As many slots as there can be pieces that are read ahead or were just sent. */
export function createReadSlots(bytes: number): ReadSlots {
  const idle: Buffer[] = [];
  const held: Buffer[] = [];
  return {
    take: () => idle.pop() ?? sharedBuffer(bytes),
    /** A sent slot is reused only after `heldMax` others were sent. */
    giveBack(slot: Buffer, sent: boolean): void {
      if (sent) held.push(slot);
      else idle.push(slot);
      if (held.length > heldMax) idle.push(held.shift()!);
    },
  };
}

/**
 * Reads a file of `size` bytes piece by piece, later pieces while one is used. `read` fills a slot's start from so many
 * bytes at an offset, in another thread, and resolves to the length of what is yielded; nothing is for 0.
 */
export async function* readAhead(
  size: number,
  slots: ReadSlots,
  read: (slot: Buffer, offset: number, bytes: number) => Promise<number>,
): AsyncGenerator<Buffer> {
  const ahead: { slot: Buffer; filled: Promise<number> }[] = [];
  try {
    for (let offset = 0; offset < size || ahead.length > 0; ) {
      for (; offset < size && ahead.length < readsAheadMax; offset += readBytes) {
        const slot = slots.take();
        const filled = read(slot, offset, Math.min(readBytes, size - offset));
        filled.catch(() => {});
        ahead.push({ slot, filled });
      }
      const { slot, filled } = ahead[0]!;
      const bytes = await filled;
      ahead.shift();
      if (bytes > 0) yield slot.subarray(0, bytes);
      slots.giveBack(slot, bytes > 0);
    }
  } finally {
    // The file must stay open until they have finished.
    await Promise.allSettled(ahead.map(({ filled }) => filled));
  }
}
