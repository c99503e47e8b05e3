import { readSync } from 'node:fs';
import { compareBlocks } from './block-map.ts';
import { blockHeaderBytes, writeBlockHeader } from './delta-stream.ts';

/** A piece of a file to be read and compared, in a thread. */
export interface BlockJob {
  fd: number;
  offset: number;
  bytes: number;
  /** Of the whole file, shared: what is sent is noted in them. */
  digests: Uint8Array;
  /** Shared memory for the piece and one header; what is to be sent lies in it afterwards, from its start. */
  slot: Uint8Array;
}

/** Writes the sections of what the target does not have into the slot; returns how many bytes they are, 0 for none. */
export function changedSections({ fd, offset, bytes, digests, slot }: BlockJob): number {
  const into = bufferOver(slot);
  const data = into.subarray(blockHeaderBytes, blockHeaderBytes + fill(fd, into, offset, bytes));
  let end = 0;
  compareBlocks({ digests: bufferOver(digests) }, offset, data, (at, run) => {
    // Never over what is still to be compared: between two runs lies a block that is the same, larger than a header.
    const from = run.byteOffset - into.byteOffset;
    into.copyWithin(end + blockHeaderBytes, from, from + run.length);
    writeBlockHeader(into, end, at, run.length);
    end += blockHeaderBytes + run.length;
  });
  return end;
}

/** Reads up to so many bytes; a file that shrank gives less. */
function fill(fd: number, into: Buffer, offset: number, bytes: number): number {
  let got = 0;
  while (got < bytes) {
    const count = readSync(fd, into, blockHeaderBytes + got, bytes - got, offset + got);
    if (count === 0) break;
    got += count;
  }
  return got;
}

const bufferOver = ({ buffer, byteOffset, length }: Uint8Array) => Buffer.from(buffer, byteOffset, length);
