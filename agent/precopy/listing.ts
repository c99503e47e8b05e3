import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Reach } from '../../schema/exclude-pattern.ts';
import { limits } from '../../schema/limits.ts';
import { attributesCommand, decodeName } from '../transfer/attributes-script.ts';
import { walkOf } from '../transfer/left-out-script.ts';
import { recordBytes } from './record-file.ts';

/**
 * A listing is what `scanScript` prints of a volume: one NUL-terminated record per entry, sorted bytewise.
 *
 *   path // type mode uid:gid size mtime ctime links device:inode blocks target
 *
 * No path contains two slashes in a row, so records of two listings can be merged by path. Two equal records are the
 * same unchanged entry, as far as a file system can show.
 */
export interface Entry {
  path: string;
  type: string;
  size: number;
  links: number;
  inode: string;
  /** Bytes on disk. */
  allocated: number;
}

const separator = '//';
/** Of find's -printf. */
export const recordFormat = `'%P${separator}%y %m %U:%G %s %T@ %C@ %n %D:%i %b %l\\0'`;

/** Walks the current directory without what is left out, and writes the records of what passes find's tests to a file. */
export const listScript = (listing: string, reach: readonly Reach[], tests: string, also = ''): string =>
  `${walkOf(reach)} ${tests} -printf ${recordFormat} ${also} | LC_ALL=C sort -z -S 16M -T /io > ${listing}`;

/** Of find: what may be a large file, by `isBlockFile`. */
const isLarge = `-type f -size +${limits.warm.blockFileBytesMin - 1}c`;
/** The same without files of several names. */
export const largeAlone = `${isLarge} -links 1`;

/**
 * Prints the listing of what `tests` of find let through, without what is left out, to one file, and the names of large
 * files with extended attributes to another.
 */
export const scanScript = (listing: string, attributed: string, reach: readonly Reach[], tests = '! -type s'): string =>
  [
    'cd /v',
    listScript(listing, reach, tests, `${isLarge} -fprint0 $IO/large`),
    `${attributesCommand('files')} <$IO/large > ${attributed}`,
  ].join(' && ');

/** The names in the second file of `scanScript`. */
export const attributedIn = async (file: string): Promise<Set<string>> =>
  new Set((await readFile(file, 'latin1')).split('\n').map(decodeName));

/** Returns seconds since the epoch of the last change of the entry's contents, and of anything about it. */
export function timesOf(record: string): { mtime: number; ctime: number } {
  const { from, between, to } = timesIn(record);
  return { mtime: Number(record.slice(from, between)), ctime: Number(record.slice(between + 1, to)) };
}

/** Returns seconds since the epoch. */
export function lastChangeOf(record: string): number {
  const { mtime, ctime } = timesOf(record);
  return Math.max(mtime, ctime);
}

/** Returns the part of a record that a rename does not change. */
export function namelessOf(record: string): string {
  const { between, to } = timesIn(record);
  return record.slice(record.indexOf(separator), between) + record.slice(to);
}

function timesIn(record: string): { from: number; between: number; to: number } {
  let from = record.indexOf(separator) + separator.length;
  for (let field = 0; field < 4; field++) from = record.indexOf(' ', from) + 1;
  const between = record.indexOf(' ', from);
  return { from, between, to: record.indexOf(' ', between + 1) };
}

export const pathOf = (record: string): string => record.slice(0, record.indexOf(separator));

export function parseEntry(record: string): Entry {
  const at = record.indexOf(separator);
  const [type = '', , , size, , , links, inode = '', blocks] = record.slice(at + separator.length).split(' ', 9);
  return {
    path: record.slice(0, at),
    type,
    size: Number(size),
    links: Number(links),
    inode,
    allocated: Number(blocks) * 512,
  };
}

/** Yields the records of a listing file in order, in batches; none for null. */
export async function* readRecords(file: string | null): AsyncGenerator<string[]> {
  if (file === null) return;
  let rest = '';
  for await (const piece of createReadStream(file, { encoding: 'latin1', highWaterMark: recordBytes })) {
    const records = (rest + piece).split('\0');
    rest = records.pop() ?? '';
    if (rest.length > limits.warm.pathBytesMax * 4) throw new Error('a listing of files cannot be read');
    yield records;
  }
}

/** The earlier and the current record; one of them may be missing. */
type Visit = (before: string | null, now: string | null) => Promise<void> | undefined;

/** Merges both listings in order and visits each path once. Waits only for what `visit` returns. */
export async function eachPair(before: string | null, now: string, visit: Visit): Promise<void> {
  const [a, b] = [cursorOver(readRecords(before)), cursorOver(readRecords(now))];
  for (;;) {
    if (a.isSpent()) await a.refill();
    if (b.isSpent()) await b.refill();
    const [old, record] = [a.record(), b.record()];
    if (old === null && record === null) return;
    const order = orderOf(old, record);
    const visiting = visit(order <= 0 ? old : null, order >= 0 ? record : null);
    if (visiting) await visiting;
    if (order <= 0) a.step();
    if (order >= 0) b.step();
  }
}

function cursorOver(batches: AsyncGenerator<string[]>) {
  let batch: string[] = [];
  let at = 0;
  let ended = false;
  return {
    isSpent: () => at === batch.length && !ended,
    async refill(): Promise<void> {
      while (at === batch.length && !ended) {
        const next = await batches.next();
        [batch, at, ended] = [next.value ?? [], 0, next.done ?? false];
      }
    },
    record: () => batch[at] ?? null,
    step: () => {
      at += 1;
    },
  };
}

/** An exhausted listing sorts last; at most one is exhausted. */
function orderOf(a: string | null, b: string | null): number {
  if (a === null) return 1;
  if (b === null) return -1;
  if (a === b) return 0;
  const [first, second] = [keyOf(a), keyOf(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

const keyOf = (record: string) => record.slice(0, record.indexOf(separator) + separator.length);
