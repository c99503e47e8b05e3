import { isBlockFile } from '../../../precopy/changes.ts';
import { attributedIn, largeAlone, parseEntry, readRecords, scanScript } from '../../../precopy/listing.ts';
import { pathList, recordFile } from '../../../precopy/record-file.ts';
import { readGenerated } from '../../../transfer/generated-tar.ts';
import type { TarReader } from '../../../transfer/tar-ports.ts';
import { reachIn, type Tree } from '../../tree.ts';
import { type HelperRuntime, type HelperTask, readFromHelper, runInHelper } from '../helper/helper.ts';
import { type PassFiles, sharedFile, withPassFiles } from '../precopy/pass-files.ts';
import { largeMembers } from './large-members.ts';
import { packing } from './tar-arguments.ts';
import { type HeldRoot, holdRoot } from './tree-root.ts';

/** A tree at rest that is packed through a resident helper. */
export interface PackedTree {
  place: HelperRuntime;
  /** Without the script and its arguments. */
  task: Omit<HelperTask, 'script' | 'arguments'> & { mount: Tree };
  /** The tree's directory, where the agent reads large files itself if it sees them there; null if it must not. */
  root: string | null;
  /** The agent's directory for listings. */
  directory: string;
}

/**
 * Packs a tree with its large files first, which the agent reads itself: they cross neither a tar nor a FIFO. GNU tar packs all
 * else. It is one tar, for any unpacker.
 */
export async function packWithLarge(tree: PackedTree): Promise<TarReader> {
  const { place, task, root } = tree;
  const reach = reachIn(task.mount);
  const found = root === null ? null : await findLarge(tree);
  const held = found && (await holdRoot(place, task, root).catch(nothingHeld(found)));
  if (!found || !held) {
    await found?.remove();
    return readFromHelper(place, { ...task, ...packing(reach) });
  }
  const letGo = async () => {
    await held.close();
    await found.remove();
  };
  try {
    const stop = new AbortController();
    const others = await found.give(namesName, place);
    const signal = AbortSignal.any([task.signal, stop.signal]);
    const tar = await readFromHelper(place, { ...task, ...packing(reach, others), signal });
    tar.stream.on('error', () => {});
    const reader = readGenerated(members(held, found, tar, stop), task.signal, () => void letGo());
    // A helper that is gone need not be noticed only when it has its turn.
    tar.finished.catch((error) => stop.signal.aborted || reader.stream.destroy(error));
    return reader;
  } catch (error) {
    await letGo();
    throw error;
  }
}

const nothingHeld = (found: PassFiles) => async (error: unknown) => {
  await found.remove();
  throw error;
};

async function* members(
  { path }: HeldRoot,
  files: PassFiles,
  tar: TarReader,
  stop: AbortController,
): AsyncGenerator<Buffer> {
  try {
    yield* largeMembers(path, files.path(largeName));
    for await (const piece of tar.stream) yield piece as Buffer;
    await tar.finished;
  } finally {
    // After a failure the helper must not wait for its reader.
    stop.abort();
    await tar.finished.catch(() => {});
  }
}

const largeName = 'large';
const namesName = 'names';

/** Lists files that are large, have one name and no attributes, and which tar would read from first to last byte; null if none. */
async function findLarge({ place, task, directory }: PackedTree): Promise<PassFiles | null> {
  return withPassFiles(directory, async (files) => {
    const [listed, attributed] = [sharedFile(place), sharedFile(place)];
    const script = scanScript(listed.there, attributed.there, reachIn(task.mount), largeAlone);
    await runInHelper(place, { ...task, script });
    const withAttributes = await attributedIn(await files.take(attributed, 'attributed'));
    const large = recordFile(files.path(largeName));
    const names = pathList(files.path(namesName));
    for await (const records of readRecords(await files.take(listed, 'listing')))
      for (const record of records) {
        const entry = parseEntry(record);
        if (!isBlockFile(entry) || entry.allocated < entry.size || withAttributes.has(entry.path)) continue;
        await large.add(record);
        await names.add(entry.path);
      }
    const [count] = await Promise.all([large.end(), names.end()]);
    if (count > 0) return files;
    await files.remove();
    return null;
  });
}
