import { createReadStream } from 'node:fs';
import { limits } from '../../schema/limits.ts';

/**
 * A listing is what `scanScript` prints of a volume: one record per entry, in the order of its bytes, NUL-terminated.
 *
 *   path // type mode uid:gid size mtime ctime links device:inode blocks target
 *
 * No path holds two slashes in a row, so records of two listings can be merged by path. Two equal records are the same
 * entry, unchanged, as far as a file system tells.
 */
export interface Entry {
  path: string;
  type: string;
  size: number;
  links: number;
  inode: string;
  /** Bytes on the disk. */
  allocated: number;
  /** Seconds since the epoch: the later of when its contents and when anything of it changed. */
  changedAt: number;
  record: string;
}

const separator = '//';

/** Prints the listing to one file, and to another the names of large files that have extended attributes. */
export const scanScript = (listing: string, attributed: string): string =>
  [
    'cd /v',
    `find . -xdev ! -type s -printf '%P${separator}%y %m %U:%G %s %T@ %C@ %n %D:%i %b %l\\0' |
      LC_ALL=C sort -z -S 16M -T /io > ${listing}`,
    `find . -xdev -type f -size +${limits.warm.blockFileBytesMin - 1}c -exec getfattr -h -m - -- '{}' + |
      sed -n 's|^# file: ||p' > ${attributed}`,
  ].join(' && ');

export function parseEntry(record: string): Entry {
  const at = record.indexOf(separator);
  const [type = '', , , size, mtime, ctime, links, inode = '', blocks] = record.slice(at + 2).split(' ', 9);
  return {
    path: record.slice(0, at),
    type,
    size: Number(size),
    links: Number(links),
    inode,
    allocated: Number(blocks) * 512,
    changedAt: Math.max(Number(mtime), Number(ctime)),
    record,
  };
}

/** Entries of a listing file in its order; null for none. */
export async function* readListing(file: string | null): AsyncGenerator<Entry> {
  if (file === null) return;
  let rest = '';
  for await (const piece of createReadStream(file, { encoding: 'latin1' })) {
    rest += piece;
    if (rest.length > limits.warm.pathBytesMax * 4) throw new Error('a listing of files cannot be read');
    const records = rest.split('\0');
    rest = records.pop() ?? '';
    for (const record of records) yield parseEntry(record);
  }
}

/** An entry before and now; either may be missing. */
export interface Pair {
  before: Entry | null;
  now: Entry | null;
}

/** Both listings side by side, in order. */
export async function* merge(before: AsyncGenerator<Entry>, now: AsyncGenerator<Entry>): AsyncGenerator<Pair> {
  let a = await before.next();
  let b = await now.next();
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : compare(keyOf(a.value), keyOf(b.value));
    yield { before: order <= 0 ? a.value : null, now: order >= 0 ? b.value : null };
    if (order <= 0) a = await before.next();
    if (order >= 0) b = await now.next();
  }
}

const keyOf = ({ path }: Entry) => path + separator;
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
