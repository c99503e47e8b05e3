import { createHash } from 'node:crypto';

/** What holes are told in: a power of two, large enough that hashing is not slowed, small beside a hole that matters. */
const unitBytes = 65_536;
const zeros = Buffer.alloc(unitBytes);

/**
 * SHA-256 of what a file holds, the same however its zeros lie on the disk: of each unit that is not all zeros, its offset
 * and its bytes. The file's length, which is not in it, is the manifest's. A hole costs nothing, whatever its size.
 */
export function createContentDigest() {
  const hash = createHash('sha256');
  let at = 0;
  /** Whether something of the unit that `at` lies in was hashed: all of it before `at` was, then. */
  let isBegun = false;

  const advance = (bytes: number) => {
    at += bytes;
    if (at % unitBytes === 0) isBegun = false;
  };
  const begin = () => {
    if (isBegun) return;
    const before = at % unitBytes;
    const offset = Buffer.alloc(8);
    offset.writeBigUInt64BE(BigInt(at - before));
    hash.update(offset).update(zeros.subarray(0, before));
    isBegun = true;
  };

  return {
    data(bytes: Buffer): void {
      for (let from = 0; from < bytes.length; ) {
        const piece = bytes.subarray(from, from + unitBytes - (at % unitBytes));
        if (isBegun || !piece.equals(zeros.subarray(0, piece.length))) {
          begin();
          hash.update(piece);
        }
        advance(piece.length);
        from += piece.length;
      }
    },
    /** Up to `offset` there are zeros only. */
    holeTo(offset: number): void {
      if (isBegun) {
        const rest = Math.min(unitBytes - (at % unitBytes), offset - at);
        hash.update(zeros.subarray(0, rest));
        advance(rest);
      }
      advance(offset - at);
    },
    hex: (): string => hash.digest('hex'),
  };
}

export type ContentDigest = ReturnType<typeof createContentDigest>;
