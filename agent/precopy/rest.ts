/**
 * Buffers the unfinished end of a stream. Its memory doubles as it grows, so that a long section sent byte by byte is not
 * copied for every byte.
 */
export function createRest() {
  let memory: Buffer = Buffer.alloc(0);
  let kept = 0;
  return {
    /** Returns the buffered bytes followed by the piece; valid until the next call. */
    with(piece: Buffer): Buffer {
      if (kept === 0) return piece;
      const whole = kept + piece.length;
      if (whole > memory.length) memory = Buffer.concat([memory.subarray(0, kept)], Math.max(whole, 2 * memory.length));
      piece.copy(memory, kept);
      return memory.subarray(0, whole);
    },
    /** Buffers the end of what `with` returned. Afterwards the piece's memory belongs to its owner again. */
    keep(bytes: Buffer): void {
      kept = bytes.length;
      if (kept === 0) memory = Buffer.alloc(0);
      else if (bytes.buffer !== memory.buffer || bytes.byteOffset !== memory.byteOffset) memory = Buffer.from(bytes);
    },
  };
}
