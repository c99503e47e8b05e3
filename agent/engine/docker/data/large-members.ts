import { dirname } from 'node:path';
import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import { stateOf } from '../../../precopy/large-files.ts';
import { parseEntry, readRecords } from '../../../precopy/listing.ts';
import { createReadSlots, type ReadSlots, readAhead } from '../../../precopy/read-ahead.ts';
import { openRegular } from '../../../precopy/safe-open.ts';
import { bareDirectory, fileHead, paddingAfter } from './member-head.ts';

/**
 * Yields members of a tar for the files of a sorted listing below `root`, read by this process in several threads. They precede
 * what GNU tar packs of the same tree, whose directories then get their attributes and times. Throws `pack_failed` for a
 * file that is not the listed one, or gets shorter.
 */
export async function* largeMembers(root: string, listing: string): AsyncGenerator<Buffer> {
  const slots = createReadSlots(limits.warm.readBytes);
  let directory = '.';
  for await (const records of readRecords(listing))
    for (const record of records) {
      const { path } = parseEntry(record);
      yield* directoriesBetween(directory, dirname(path));
      directory = dirname(path);
      yield* member(root, record, slots);
    }
}

/**
 * The directories on the way to `to` that are not on the way to `from`: of unpackers side by side, each that has to make
 * one for a file fails where another made it meanwhile.
 */
function* directoriesBetween(from: string, to: string): Generator<Buffer> {
  if (to === '.' || `${from}/`.startsWith(`${to}/`)) return;
  yield* directoriesBetween(from, dirname(to));
  yield bareDirectory(to, 0o700);
}

async function* member(root: string, record: string, slots: ReadSlots): AsyncGenerator<Buffer> {
  const { path, inode, size } = parseEntry(record);
  const { file, stats } = await openRegular(root, path);
  try {
    if (`${stats.dev}:${stats.ino}` !== inode || Number(stats.size) !== size) throw changed(path);
    yield fileHead(stateOf(path, stats));
    yield* readAhead(size, slots, async (slot, offset, bytes) => {
      for (let done = 0; done < bytes; ) {
        const { bytesRead } = await file.read(slot, done, bytes - done, offset + done);
        if (bytesRead === 0) throw changed(path);
        done += bytesRead;
      }
      return bytes;
    });
    yield paddingAfter(size);
  } finally {
    await file.close();
  }
}

const changed = (path: string) => new StackferryError('pack_failed', `"${path}" changed while it was read.`);
