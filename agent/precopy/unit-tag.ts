import { gmacOf } from '../transfer/gmac.ts';
import { bufferOver, readFully } from './thread-memory.ts';

/** Part of what a digest of contents by GMAC is: both sides of a migration use the same. */
export const contentUnitBytes = 1_048_576;
const zeros = Buffer.alloc(contentUnitBytes);

/** A unit of a file to be read and digested in a thread. */
export interface UnitJob {
  kind: 'tag';
  fd: number;
  offset: number;
  bytes: number;
  key: Uint8Array;
  /** Shared memory for the unit, and for its tag. */
  slot: Uint8Array;
  tag: Uint8Array;
}

/** Returns 1 if the tag was written, 0 for a unit of zeros, which has none. */
export function tagUnit({ fd, offset, bytes, key, slot, tag }: UnitJob): number {
  const into = bufferOver(slot).subarray(0, bytes);
  const data = into.subarray(0, readFully(fd, into, offset));
  if (data.equals(zeros.subarray(0, data.length))) return 0;
  gmacOf(bufferOver(key), 0, data).copy(bufferOver(tag));
  return 1;
}

/** As it precedes the bytes of a unit, or their tag, in a digest of contents. */
export function encodeOffset(offset: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(offset));
  return bytes;
}
