import { hash, randomFillSync } from 'node:crypto';
import { limits } from '../../schema/limits.ts';
import { gmacBytes, gmacKeyBytes, gmacOf } from '../transfer/gmac.ts';
import { sharedBuffer } from './thread-memory.ts';

const { blockBytes, blockUnitBytes } = limits.warm;
const digestBytes = 16;

/**
 * Digests of one file's blocks as the target has them; a block that was never sent is a hole there. Buffers are in memory
 * shared between threads.
 */
export interface BlockMap extends BlockDigests {
  size: number;
}

export interface BlockDigests {
  digests: Buffer;
  /** GMAC of each unit of blocks, when its digests were last recorded; zeros if they have changed since. */
  tags: Buffer;
  key: Buffer;
}

export const emptyMap = (): BlockMap => ({
  size: 0,
  digests: sharedBuffer(0),
  tags: sharedBuffer(0),
  key: randomFillSync(sharedBuffer(gmacKeyBytes)),
});

/** Returns the map after the file was truncated or extended to this size; new blocks are holes. */
export function resized({ size: before, digests, tags, key }: BlockMap, size: number): BlockMap {
  const next = copied(digests, Math.ceil(size / blockBytes) * digestBytes);
  const nextTags = copied(tags, Math.ceil(size / blockUnitBytes) * gmacBytes);
  const edge = Math.min(before, size);
  if (before !== size) {
    // A partial block at the old or new end has changed; a whole block has not.
    if (edge % blockBytes !== 0) next.fill(1, ...span(Math.floor(edge / blockBytes)));
    if (edge % blockUnitBytes !== 0) nextTags.fill(0, ...tagSpan(edge));
  }
  return { size, digests: next, tags: nextTags, key };
}

function copied(from: Buffer, bytes: number): Buffer {
  const next = sharedBuffer(bytes);
  from.copy(next, 0, 0, Math.min(from.length, next.length));
  return next;
}

/**
 * Compares data at `offset`, a multiple of the unit, with the map and updates the map as if it were sent. Calls `changed`
 * for each run of blocks that the target does not have. An unchanged unit costs a fraction of its blocks' digests.
 */
export function compareBlocks(
  { digests, tags, key }: BlockDigests,
  offset: number,
  data: Buffer,
  changed: (offset: number, data: Buffer) => void,
): void {
  let from = -1;
  const endRun = (at: number) => {
    if (from >= 0) changed(offset + from, data.subarray(from, at));
    from = -1;
  };
  for (let unit = 0; unit < data.length; unit += blockUnitBytes) {
    const end = Math.min(unit + blockUnitBytes, data.length);
    const known = tags.subarray(...tagSpan(offset + unit));
    const tag = gmacOf(key, 0, data.subarray(unit, end));
    if (known.equals(tag)) {
      endRun(unit);
      continue;
    }
    for (let at = unit; at < end; at += blockBytes) {
      const block = data.subarray(at, Math.min(at + blockBytes, end));
      const place = digests.subarray(...span((offset + at) / blockBytes));
      const digest = digestOf(block);
      if (place.equals(digest)) endRun(at);
      else if (from < 0) from = at;
      digest.copy(place);
    }
    tag.copy(known);
  }
  endRun(data.length);
}

const tagSpan = (offset: number): [number, number] => {
  const unit = Math.floor(offset / blockUnitBytes);
  return [unit * gmacBytes, (unit + 1) * gmacBytes];
};
const span = (block: number): [number, number] => [block * digestBytes, (block + 1) * digestBytes];
const hole = Buffer.alloc(digestBytes);
const zeros = Buffer.alloc(blockBytes);

/** Returns 128 bits of SHA-256, or zeros for a block of zeros, which need not be sent where the target has a hole. */
function digestOf(block: Buffer): Buffer {
  if (block.equals(zeros.subarray(0, block.length))) return hole;
  return hash('sha256', block, 'buffer').subarray(0, digestBytes);
}
