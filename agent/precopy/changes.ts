import { dirname } from 'node:path';
import { limits } from '../../schema/limits.ts';
import type { Rename } from './delta-stream.ts';
import { type Entry, eachPair, lastChangeOf, namelessOf, parseEntry, readRecords, timesOf } from './listing.ts';
import { pathList } from './record-file.ts';

/** What one pass has to transfer. */
export interface Changes {
  /** Paths, after renames, of regular files that are sent by blocks. */
  large: string[];
  /** Large files that were renamed within their directory, recognized by inode. */
  renames: Rename[];
  /** Paths to drop from the block maps: gone, or no longer sent by blocks. */
  forgotten: string[];
  /** Number of paths in `removeList`; `entries`: in `tarList`. */
  removals: number;
  entries: number;
  /** Number of paths in `directoryList`: packed directories that may already exist on the target. */
  directories: number;
}

/**
 * Compares two listings and writes NUL-terminated lists: what to remove, what to pack, and which packed directories may
 * already exist. Memory grows with the number of directories and of hard-linked files, not with the number of files.
 *
 * - An entry that changed its type is removed first.
 * - A hard-linked file is packed with all its names, or the links would be lost.
 * - A large file that was renamed and not written since it was read is not read again: its modification time is trusted
 *   here, as in the comparison at the end.
 * - A directory is packed whenever an entry in it was replaced, to restore its own times.
 */
export async function findChanges(options: {
  before: string | null;
  now: string;
  /** Seconds since the epoch. Entries changed since then count as changed again: their times may not show it. */
  suspectSinceS: number;
  /** `byBlocks`: true if a file may be sent by blocks; `isMapped`: true if it already is. */
  byBlocks: (entry: Entry) => boolean;
  isMapped: (path: string) => boolean;
  /** True if the target's copy was read from this very file after the previous listing. */
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
    // A new map requires that the target has nothing at this path.
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

/** Returns '' (the root) for the root's own children. */
function parentOf(path: string): string {
  const parent = dirname(path);
  return parent === '.' ? '' : parent;
}

/** True if a file is large enough, not sparse, and has one name. */
export function isBlockFile({ size, allocated, links }: Entry): boolean {
  return size >= limits.warm.blockFileBytesMin && allocated >= size * 0.9 && links === 1;
}
