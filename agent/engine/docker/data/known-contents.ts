import type { ContentDigestName } from '../../../../schema/content-digest.ts';
import { limits } from '../../../../schema/limits.ts';
import { eachPair, lastChangeOf, listScript, pathOf } from '../../../precopy/listing.ts';
import { recordFile } from '../../../precopy/record-file.ts';
import { reachIn } from '../../tree.ts';
import { runInHelper } from '../helper/helper.ts';
import { makePassFiles, type PassFiles, type SharedFile, sharedFile, withPassFiles } from '../precopy/pass-files.ts';
import { type ReadTree, readListed } from './content-reader.ts';

/**
 * Digests of files that were read ahead of the proof, so that it reads only what changed since: a file whose inode,
 * size and times are the same has the contents that were read. That holds for file systems whose times show every
 * write, a mapped page's too once the file system was synced; on others nothing is known.
 */
export interface KnownContents {
  digest: ContentDigestName;
  /** Holds a sorted file of listing records, each followed by a space and the digest of the file's contents. */
  files: PassFiles;
  /** Seconds since the epoch. A later change may not show in a file's times. */
  suspectSinceS: number;
}

/** As `stat -f` names them; ext4 is the first. */
const exactTimes = 'ext2/ext3|xfs|btrfs';
const digestChars = 64;

/**
 * Reads the contents of a tree's files, except those that are known by the same digest, and keeps them below `directory`.
 * A file with several names is left out: which of them its digest has depends on the others.
 */
export async function learnContents(
  tree: ReadTree,
  directory: string,
  before: KnownContents | null,
): Promise<KnownContents> {
  const { timeMarginS, clockTickS } = limits.warm;
  const suspectSinceS = Date.now() / 1000 - (tree.live ? timeMarginS : clockTickS);
  return withPassFiles(directory, async (files) => {
    const listing = sharedFile(tree.place);
    // Writes through a mapping show in the times from a sync on.
    const sync = tree.live ? 'sync -f /v && ' : '';
    const list = `${sync}cd /v && ${listScript(listing.there, reachIn(tree.task.mount), '-type f -links 1')}`;
    const script = `case "$(stat -f -c %T /v)" in ${exactTimes}) ${list};; *) : >${listing.there};; esac`;
    await runInHelper(tree.place, { ...tree.task, script });
    const now = await files.take(listing, listingName);
    const kept = recordFile(files.path('kept'));
    const wanted = before
      ? await unknownOf(before, now, files, (_path, digest, record) => kept.add(`${record} ${digest}`))
      : now;
    await kept.end();
    const read = recordFile(files.path('read'));
    for await (const { record, digest } of readListed(tree, files, wanted)) await read.add(`${record} ${digest}`);
    await read.end();
    const known = recordFile(files.path(knownName));
    await eachPair(files.path('kept'), files.path('read'), (old, fresh) => known.add((old ?? fresh)!));
    await known.end();
    return { digest: tree.digests.name, files, suspectSinceS };
  });
}

/** Calls `onFile` for every file in a listing of a tree at rest, and reads those that are not known. */
export async function readContents(
  tree: ReadTree,
  listing: SharedFile,
  known: KnownContents | null,
  directory: string,
  onFile: (path: string, digest: string) => void,
): Promise<void> {
  const files = await makePassFiles(directory);
  try {
    let wanted = await files.take(listing, listingName);
    if (known) wanted = await unknownOf(known, wanted, files, onFile);
    for await (const { path, digest } of readListed(tree, files, wanted)) onFile(path, digest);
  } finally {
    await files.remove();
  }
}

/** Calls `onFile` for what is known, and returns the listing of the rest. */
async function unknownOf(
  { files: { path }, suspectSinceS }: KnownContents,
  now: string,
  files: PassFiles,
  onFile: (path: string, digest: string, record: string) => Promise<void> | void,
): Promise<string> {
  const rest = recordFile(files.path('rest'));
  await eachPair(path(knownName), now, (old, record) => {
    if (record === null) return;
    const isSame =
      old?.length === record.length + 1 + digestChars &&
      old.startsWith(`${record} `) &&
      lastChangeOf(record) < suspectSinceS;
    if (!isSame) return rest.add(record);
    return onFile(pathOf(record), old.slice(-digestChars), record) ?? undefined;
  });
  await rest.end();
  return files.path('rest');
}

const knownName = 'known';
const listingName = 'listing';
