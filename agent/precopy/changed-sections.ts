import { type BlockDigests, compareBlocks } from './block-map.ts';
import { blockHeaderBytes, writeBlockHeader } from './delta-stream.ts';
import { bufferOver, readFully } from './thread-memory.ts';

/** A piece of a file to be read and compared in a thread. */
export interface BlockJob {
  kind: 'changed';
  fd: number;
  offset: number;
  bytes: number;
  /** Of the whole file, in shared memory; blocks to be sent are recorded in them. */
  map: { [K in keyof BlockDigests]: Uint8Array };
  /** Shared memory for the piece and one header; afterwards it holds the sections to send, from its start. */
  slot: Uint8Array;
}

/** Writes sections with the blocks that the target lacks into the slot; returns their bytes, 0 for none. */
export function changedSections({ fd, offset, bytes, map, slot }: BlockJob): number {
  const into = bufferOver(slot);
  const room = into.subarray(blockHeaderBytes, blockHeaderBytes + bytes);
  const data = room.subarray(0, readFully(fd, room, offset));
  const known = { digests: bufferOver(map.digests), tags: bufferOver(map.tags), key: bufferOver(map.key) };
  let end = 0;
  compareBlocks(known, offset, data, (at, run) => {
    // Never overwrites data still to be compared: an unchanged block, larger than a header, lies between two runs.
    const from = run.byteOffset - into.byteOffset;
    into.copyWithin(end + blockHeaderBytes, from, from + run.length);
    writeBlockHeader(into, end, at, run.length);
    end += blockHeaderBytes + run.length;
  });
  return end;
}
