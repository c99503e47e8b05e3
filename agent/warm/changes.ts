import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { limits } from '../../schema/limits.ts';
import type { Rename } from './delta-stream.ts';
import { type Entry, eachPair, namelessOf, parseEntry, readRecords, timesOf } from './listing.ts';

/** What one pass has to carry. */
export interface Changes {
  /** Paths, the new ones, of regular files that go by blocks. */
  large: string[];
  /** Large files that got another name in their directory: known by their inode. */
  renames: Rename[];
  /** Paths that leave the block maps: gone, or no longer what they were. */
  forgotten: string[];
  /** How many paths are in the files `remove` and `tar`. */
  removals: number;
  entries: number;
  /** And in `directories`: those of the entries that may be there already. */
  directories: number;
}

/**
 * Compares two listings and writes NUL-terminated lists: what to remove, what to pack, and which of that are directories
 * that may be there already. Memory grows with the number of directories and of files with several names, not of files.
 *
 * - What changed its type is removed first.
 * - A file with several names goes with all of them, or it would come apart.
 * - A large file that got another name and was not written since it was read is not looked into: its time of modification
 *   is trusted there, as the comparison at the end trusts it.
 * - A directory goes with whatever of it was replaced, for its own times.
 */
export async function findChanges(options: {
  before: string | null;
  now: string;
  /** What changed since then is taken to have changed again, in seconds: its times may not show it. */
  suspectSinceS: number;
  /** Whether a file may go by blocks, and whether it goes by blocks already. */
  byBlocks: (entry: Entry) => boolean;
  isMapped: (path: string) => boolean;
  /** Whether what the target has of it was read from this very file, after the listing before. */
  wasRead: (entry: Entry) => boolean;
  removeList: string;
  tarList: string;
  directoryList: string;
}): Promise<Changes> {
  const { before, now, suspectSinceS, byBlocks, isMapped, wasRead } = options;
  const removals = pathList(options.removeList);
  const packed = pathList(options.tarList);
  const known = pathList(options.directoryList);
  const large: string[] = [];
  const renames: Rename[] = [];
  const forgotten: string[] = [];
  const mappedGone: string[] = [];
  /** By inode. */
  const newLarge = new Map<string, { path: string; record: string }>();
  const directories = new Set<string>();
  const linked = new Set<string>();
  const touchParent = (path: string) => path !== '' && directories.add(parentOf(path));

  const gone = async (record: string) => {
    const { path } = parseEntry(record);
    if (isMapped(path)) mappedGone.push(record);
    else await removals.add(path);
  };
  const changed = async (old: Entry | null, record: string) => {
    const entry = parseEntry(record);
    const { path, type, links, inode } = entry;
    const blocks = type === 'f' && byBlocks(entry);
    const mapped = isMapped(path);
    // A map must begin with nothing on the other side.
    if (old && (old.type !== type || (blocks && !mapped))) await removals.add(path);
    if (mapped && !blocks) forgotten.push(path);
    if (type === 'd') directories.add(path);
    else if (blocks && !old) newLarge.set(inode, { path, record });
    else if (blocks) large.push(path);
    else if (type === 'f' && links > 1) linked.add(inode);
    else await packed.add(path);
    if (!old || type !== 'd') touchParent(path);
  };
  await eachPair(before, now, (old, record) => {
    if (record === null) return gone(old!);
    if (old === record && lastChangeOf(record) < suspectSinceS) return;
    return changed(old === null ? null : parseEntry(old), record);
  });

  for (const old of mappedGone) {
    const entry = parseEntry(old);
    const { path, inode } = entry;
    const found = newLarge.get(inode);
    if (!found || parentOf(found.path) !== parentOf(path)) {
      forgotten.push(path);
      await removals.add(path);
      continue;
    }
    renames.push({ from: path, to: found.path });
    const isSame = namelessOf(old) === namelessOf(found.record) && timesOf(old).mtime < suspectSinceS;
    if (isSame && wasRead(entry)) newLarge.delete(inode);
  }
  for (const { path } of newLarge.values()) large.push(path);
  if (linked.size > 0)
    for await (const records of readRecords(now))
      for (const { path, inode } of records.map(parseEntry))
        if (linked.has(inode)) {
          await packed.add(path);
          touchParent(path);
        }
  for (const path of [...directories].sort()) {
    await packed.add(path);
    if (before) await known.add(path);
  }
  return {
    large,
    renames,
    forgotten,
    removals: await removals.end(),
    entries: await packed.end(),
    directories: await known.end(),
  };
}

function lastChangeOf(record: string): number {
  const { mtime, ctime } = timesOf(record);
  return Math.max(mtime, ctime);
}

/** Of the root's own children it is the root, ''. */
function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}

function pathList(file: string) {
  const stream = createWriteStream(file, { encoding: 'latin1', mode: 0o600 });
  let count = 0;
  return {
    async add(path: string): Promise<void> {
      count += 1;
      if (!stream.write(`./${path}\0`)) await once(stream, 'drain');
    },
    async end(): Promise<number> {
      stream.end();
      await finished(stream);
      return count;
    },
  };
}

/** Large enough, all on the disk, and with one name. */
export function isBlockFile({ size, allocated, links }: Entry): boolean {
  return size >= limits.warm.blockFileBytesMin && allocated >= size * 0.9 && links === 1;
}
