import { createReadStream } from 'node:fs';
import { limits } from '../../../../schema/limits.ts';
import { findChanges, isBlockFile } from '../../../precopy/changes.ts';
import { encodeRename, encodeSection } from '../../../precopy/delta-stream.ts';
import type { LargeFiles } from '../../../precopy/large-files.ts';
import { attributedIn, scanScript } from '../../../precopy/listing.ts';
import { reachIn, type Tree } from '../../tree.ts';
import { packCapabilities, packListedArguments } from '../data/tar-arguments.ts';
import { type HelperSpec, readFromHelper, runInHelper } from '../helper/helper.ts';
import type { PooledHelper } from '../helper/resident-helper.ts';
import { changing } from '../helper/stderr-rules.ts';
import { makePassFiles, type PassFiles, sharedFile } from './pass-files.ts';

export interface WarmVolumeOptions {
  mount: Tree;
  migrationId: string;
  /** Path of the volume's files on this host; null if large files are not sent by blocks. */
  mountpoint: string | null;
  /** Opens the resident helper on first use. */
  residence: () => Promise<PooledHelper>;
  /** The agent's directory for files of all passes. */
  directory: string;
}

/** What the target holds after a pass. One value: block maps are valid only with the listing of the same pass. */
export interface Passed {
  /** Holds the listing of every entry. */
  files: PassFiles;
  suspectSinceS: number;
  blocks: LargeFiles;
}

interface Pass {
  before: Passed | null;
  /** Block maps of large files on the target; this pass updates them. */
  files: LargeFiles;
  atRest: boolean;
  signal: AbortSignal;
}

/** Yields sections with the changes since the previous pass, or with everything. Returns what the target then holds. */
export async function* packPass(
  { mount, migrationId, mountpoint, residence, directory }: WarmVolumeOptions,
  { before, files: blocks, atRest, signal }: Pass,
): AsyncGenerator<Buffer, Passed> {
  const { place } = await residence();
  const spec: HelperSpec = { migrationId, purpose: 'pack', mount, readOnly: true, capabilities: packCapabilities };
  const task = { ...spec, failure: 'pack_failed', tolerated: atRest ? [] : changing, signal } as const;
  const files = await makePassFiles(directory);

  const suspectSinceS = Date.now() / 1000 - limits.warm.timeMarginS;
  // A page written through a memory mapping changes the file's times only at its writeback.
  const sync = atRest ? '' : 'sync -f /v && ';
  const [listed, attributed] = [sharedFile(place), sharedFile(place)];
  await runInHelper(place, { ...task, script: sync + scanScript(listed.there, attributed.there, reachIn(mount)) });
  const now = await files.take(listed, listing);
  const withAttributes = await attributedIn(await files.take(attributed, 'attributed'));
  const changes = await findChanges({
    before: before?.files.path(listing) ?? null,
    now,
    suspectSinceS: before?.suspectSinceS ?? 0,
    byBlocks: (entry) =>
      mountpoint !== null && isBlockFile(entry) && !withAttributes.has(entry.path) && blocks.hasRoomFor(entry),
    isMapped: blocks.has,
    wasRead: blocks.wasRead,
    removeList: files.path('remove'),
    tarList: files.path('tar'),
    directoryList: files.path('directories'),
  });

  if (changes.removals > 0) yield* pathSections('remove', files.path('remove'));
  for (const path of changes.forgotten) blocks.forget(path);
  for (const rename of changes.renames) {
    blocks.rename(rename);
    yield encodeRename(rename);
  }
  if (changes.directories > 0) yield* pathSections('strip', files.path('directories'));
  yield* blocks.read(changes.large, { mayVanish: !atRest });
  if (changes.entries > 0) {
    const list = await files.give('tar', place);
    const tar = await readFromHelper(place, {
      ...task,
      script: 'exec "$@"',
      arguments: packListedArguments(list),
    });
    for await (const piece of tar.stream) yield encodeSection('tar', piece as Buffer);
    await tar.finished;
    yield encodeSection('tar');
  }
  return { files, suspectSinceS, blocks };
}

const listing = 'listing';

/** Splits the list between paths. */
async function* pathSections(kind: 'remove' | 'strip', list: string): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const piece of createReadStream(list)) {
    const bytes = Buffer.concat([rest, piece as Buffer]);
    const end = bytes.lastIndexOf(0) + 1;
    if (end > 0) yield encodeSection(kind, bytes.subarray(0, end));
    rest = bytes.subarray(end);
  }
}
