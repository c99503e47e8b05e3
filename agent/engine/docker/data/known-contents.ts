import type { Reach } from '../../../../schema/exclude-pattern.ts';
import { limits } from '../../../../schema/limits.ts';
import { eachPair, lastChangeOf, parseEntry, readRecords, recordFormat } from '../../../precopy/listing.ts';
import { pathList, recordFile } from '../../../precopy/record-file.ts';
import { walkOf } from '../../../transfer/left-out-script.ts';
import { reachIn, type Tree } from '../../tree.ts';
import { type HelperRuntime, type HelperTask, readFromHelper, runInHelper } from '../helper/helper.ts';
import { makePassFiles, type PassFiles, sharedFile } from '../precopy/pass-files.ts';
import { type OnFile, readContents } from './content-stream.ts';
import { contentArguments } from './tar-arguments.ts';

/**
 * Digests of files that were read ahead of the proof, so that it reads only what changed since: a file whose inode,
 * size and times are the same has the contents that were read. That holds for file systems whose times show every
 * write, a mapped page's too once the file system was synced; on others nothing is known.
 */
export interface KnownContents {
  /** Holds a sorted file of listing records, each followed by a space and the digest of the file's contents. */
  files: PassFiles;
  /** Seconds since the epoch. A later change may not show in a file's times. */
  suspectSinceS: number;
}

/** Without the script and its arguments. */
type Task = Omit<HelperTask, 'script' | 'arguments'> & { mount: Tree };

/** As `stat -f` names them; ext4 is the first. */
const exactTimes = 'ext2/ext3|xfs|btrfs';
const digestChars = 64;

/**
 * Reads the contents of a tree's files. `live`: they may be written meanwhile. A file with several names is left out:
 * which of them its digest has depends on the others.
 */
export async function learnContents(
  place: HelperRuntime,
  task: Task,
  { directory, live }: { directory: string; live: boolean },
): Promise<KnownContents> {
  const { timeMarginS, clockTickS } = limits.warm;
  const suspectSinceS = Date.now() / 1000 - (live ? timeMarginS : clockTickS);
  const files = await makePassFiles(directory);
  const now = await listed(place, task, files, (listing) => {
    // Writes through a mapping show in the times from a sync on.
    const list = (live ? 'sync -f /v && ' : '') + listScript(listing, reachIn(task.mount));
    return `case "$(stat -f -c %T /v)" in ${exactTimes}) ${list};; *) : >${listing};; esac`;
  });
  const list = pathList(files.path(listName));
  for await (const records of readRecords(now))
    for (const { path, links } of records.map(parseEntry)) if (links === 1) await list.add(path);
  const known = recordFile(files.path(knownName));
  const records = eachRecord(now);
  await readListed(place, task, files, await list.end(), async (path, digest) => {
    // The tar has them in the order of the listing, without those that are gone.
    for (;;) {
      const { value, done } = await records.next();
      if (done) return;
      if (parseEntry(value).path === path) return known.add(`${value} ${digest}`);
    }
  });
  await known.end();
  return { files, suspectSinceS };
}

/** Calls `onFile` for every file of a tree at rest, and reads those that are not known. */
export async function contentsOf(
  place: HelperRuntime,
  task: Task,
  known: KnownContents,
  onFile: OnFile,
): Promise<void> {
  const { files, suspectSinceS } = known;
  const now = await listed(place, task, files, (listing) => listScript(listing, reachIn(task.mount)));
  const list = pathList(files.path(listName));
  await eachPair(files.path(knownName), now, (old, record) => {
    if (record === null) return;
    const { path } = parseEntry(record);
    const isSame = old?.slice(0, -digestChars - 1) === record && lastChangeOf(record) < suspectSinceS;
    return old && isSame ? onFile(path, old.slice(-digestChars)) : list.add(path);
  });
  await readListed(place, task, files, await list.end(), onFile);
}

const knownName = 'known';
const listName = 'tar';

const listScript = (listing: string, reach: readonly Reach[]): string =>
  `cd /v && ${walkOf(reach)} -type f -printf ${recordFormat} | LC_ALL=C sort -z -S 16M -T /io >${listing}`;

/** Returns the listing that a script of the helper makes. */
async function listed(
  place: HelperRuntime,
  task: Task,
  files: PassFiles,
  script: (listing: string) => string,
): Promise<string> {
  const listing = sharedFile(place);
  await runInHelper(place, { ...task, script: script(listing.there) });
  return files.take(listing, 'listing');
}

async function readListed(
  place: HelperRuntime,
  task: Task,
  files: PassFiles,
  count: number,
  onFile: OnFile,
): Promise<void> {
  if (count === 0) return;
  const list = await files.give(listName, place);
  const tar = await readFromHelper(place, { ...task, script: 'cd /v && exec "$@"', arguments: contentArguments(list) });
  await Promise.all([readContents(tar.stream, onFile), tar.finished]);
}

async function* eachRecord(listing: string): AsyncGenerator<string> {
  for await (const records of readRecords(listing)) yield* records;
}
