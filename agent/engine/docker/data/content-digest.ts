import { createHash } from 'node:crypto';

/** Granularity of holes: a power of two, large enough not to slow hashing, small compared to a relevant hole. */
const unitBytes = 65_536;
const zeros = Buffer.alloc(unitBytes);

/**
 * SHA-256 of a file's contents, independent of how its zeros are stored: of each unit that is not all zeros, its offset
 * and its bytes. The file's length is not included; the manifest has it. A hole costs nothing, whatever its size.
 */
export function createContentDigest() {
  const hash = createHash('sha256');
  let at = 0;
  /** True if part of the current unit was hashed: then everything in it before `at` was. */
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
    /** Skips to `offset`: only zeros up to there. */
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
