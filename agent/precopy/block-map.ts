import { hash } from 'node:crypto';
import { limits } from '../../schema/limits.ts';

const { blockBytes } = limits.warm;
const digestBytes = 16;

/** Digests of one file's blocks as the target has them; a block that was never sent is a hole there. */
export interface BlockMap {
  size: number;
  /** In memory shared between threads. */
  digests: Buffer;
}

export const emptyMap = (): BlockMap => ({ size: 0, digests: sharedBuffer(0) });

/** Returns zeroed memory that is shared between threads. */
export const sharedBuffer = (bytes: number): Buffer => Buffer.from(new SharedArrayBuffer(bytes));

/** Returns the map after the file was truncated or extended to this size; new blocks are holes. */
export function resized({ size: before, digests }: BlockMap, size: number): BlockMap {
  const blocks = Math.ceil(size / blockBytes);
  const next = sharedBuffer(blocks * digestBytes);
  digests.copy(next, 0, 0, Math.min(digests.length, next.length));
  // A partial block at the old or new end has changed; a whole block has not.
  const edge = Math.min(before, size);
  if (before !== size && edge % blockBytes !== 0) next.fill(1, ...span(Math.floor(edge / blockBytes)));
  return { size, digests: next };
}

/**
 * Compares data at `offset`, a multiple of the block size, with the map and updates the map as if it were sent. Calls
 * `changed` for each run of blocks that the target does not have.
 */
export function compareBlocks(
  { digests }: Pick<BlockMap, 'digests'>,
  offset: number,
  data: Buffer,
  changed: (offset: number, data: Buffer) => void,
): void {
  let from = -1;
  for (let at = 0; at < data.length; at += blockBytes) {
    const block = data.subarray(at, at + blockBytes);
    const place = span((offset + at) / blockBytes);
    const known = digests.subarray(...place);
    const digest = digestOf(block);
    const same = known.equals(digest);
    if (!same) digest.copy(known);
    if (!same && from < 0) from = at;
    if (same && from >= 0) {
      changed(offset + from, data.subarray(from, at));
      from = -1;
    }
  }
  if (from >= 0) changed(offset + from, data.subarray(from));
}

const span = (block: number): [number, number] => [block * digestBytes, (block + 1) * digestBytes];
const hole = Buffer.alloc(digestBytes);
const zeros = Buffer.alloc(blockBytes);

/** Returns 128 bits of SHA-256, or zeros for a block of zeros, which need not be sent where the target has a hole. */
function digestOf(block: Buffer): Buffer {
  if (block.equals(zeros.subarray(0, block.length))) return hole;
  return hash('sha256', block, 'buffer').subarray(0, digestBytes);
}
