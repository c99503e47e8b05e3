import { isBlockFile } from '../../../precopy/changes.ts';
import { createFileDigests } from '../../../precopy/file-digest.ts';
import { parseEntry, readRecords } from '../../../precopy/listing.ts';
import { pathList } from '../../../precopy/record-file.ts';
import { ifGone, openRegular } from '../../../precopy/safe-open.ts';
import type { Tree } from '../../tree.ts';
import { type HelperRuntime, type HelperTask, readFromHelper } from '../helper/helper.ts';
import type { PassFiles } from '../precopy/pass-files.ts';
import type { ContentDigests } from './content-digest.ts';
import { contentsIn } from './content-stream.ts';
import { contentArguments } from './tar-arguments.ts';

/** A tree whose contents are read, through a resident helper. */
export interface ReadTree {
  place: HelperRuntime;
  /** Without the script and its arguments. */
  task: Omit<HelperTask, 'script' | 'arguments'> & { mount: Tree };
  digests: ContentDigests;
  /** The tree's directory, where the agent reads large files itself if it sees them there; null if it must not. */
  root: string | null;
  /** Files may be written, and go, meanwhile. */
  live: boolean;
}

/**
 * Reads the files of a listing in its order, large ones in threads and the others from a tar. Yields their records and
 * digests, none for what is gone, nor for a file's second name.
 */
export async function* readListed(
  tree: ReadTree,
  files: PassFiles,
  listing: string,
): AsyncGenerator<{ path: string; record: string; digest: string }> {
  const readLarge = await largeReader(tree, listing);
  const isLarge = (record: string) => readLarge !== null && isBlockFile(parseEntry(record));
  const list = pathList(files.path(listName));
  for await (const records of readRecords(listing))
    for (const record of records) if (!isLarge(record)) await list.add(parseEntry(record).path);
  const tar = (await list.end()) > 0 ? contentsOfTar(tree, await files.give(listName, tree.place)) : nothing();
  try {
    let next = await tar.next();
    for await (const records of readRecords(listing))
      for (const record of records) {
        const { path } = parseEntry(record);
        tree.task.signal.throwIfAborted();
        if (readLarge && isLarge(record)) {
          const digest = await readLarge(path);
          if (digest !== null) yield { path, record, digest };
        } else if (!next.done && next.value[0] === path) {
          yield { path, record, digest: next.value[1] };
          next = await tar.next();
        }
      }
    if (!next.done) throw new Error(`"${next.value[0]}" came out of turn`);
  } finally {
    // After a failure the helper must not wait for its reader.
    await tar.return(undefined);
  }
}

const listName = 'tar';

/** By GMAC alone: a SHA-256 is made from first to last byte, so threads would not help. */
async function largeReader(
  { digests, root, live, task }: ReadTree,
  listing: string,
): Promise<((path: string) => Promise<string | null>) | null> {
  if (root === null || digests.name !== 'gmac' || !(await seesFiles(root, listing))) return null;
  const digestOf = createFileDigests(root, digests.key);
  return (path) => digestOf(path, task.signal).catch(live ? ifGone : null);
}

/** False if the first large file is not there: an agent in a container may see another tree at that path, or none. */
async function seesFiles(root: string, listing: string): Promise<boolean> {
  for await (const records of readRecords(listing)) {
    const large = records.map(parseEntry).find(isBlockFile);
    if (!large) continue;
    const opened = await openRegular(root, large.path).catch(() => null);
    await opened?.file.close();
    return opened !== null && large.inode === `${opened.stats.dev}:${opened.stats.ino}`;
  }
  return false;
}

async function* contentsOfTar({ place, task, digests }: ReadTree, list: string) {
  const tar = await readFromHelper(place, { ...task, script: 'cd /v && exec "$@"', arguments: contentArguments(list) });
  yield* contentsIn(tar.stream, digests.begin);
  await tar.finished;
}

async function* nothing(): AsyncGenerator<[string, string]> {}
