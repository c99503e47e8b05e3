import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { limits } from '../../../schema/limits.ts';
import { findChanges, isBlockFile } from '../../warm/changes.ts';
import { encodeRename, encodeSection } from '../../warm/delta-stream.ts';
import type { LargeFiles } from '../../warm/large-files.ts';
import { scanScript } from '../../warm/listing.ts';
import { changing } from './complaints.ts';
import { type Carried, type HelperSeat, readFromHelper, runInHelper } from './helper.ts';
import { makePassFiles, type PassFiles, sharedFile } from './pass-files.ts';
import type { Residence } from './resident-helper.ts';
import { packCapabilities, packListedArguments } from './tar-arguments.ts';

export interface WarmVolumeOptions {
  mount: Carried;
  migrationId: string;
  /** Where the volume's files lie on this host; null where large files are not to go by blocks. */
  mountpoint: string | null;
  /** A helper that stays, opened when it is needed. */
  residence: () => Promise<Residence>;
  /** A directory of the agent's for the files of all passes. */
  directory: string;
}

/** What the target holds after a pass. One value: blocks of large files mean nothing beside another pass's listing. */
export interface Passed {
  /** With the listing of every entry. */
  files: PassFiles;
  suspectSinceS: number;
  blocks: LargeFiles;
}

interface Pass {
  before: Passed | null;
  /** What the target has of large files; from here on also what this pass sends. */
  files: LargeFiles;
  atRest: boolean;
  signal: AbortSignal;
}

/** Sections of what changed since the pass before, or of everything. Returns what the target then holds. */
export async function* packPass(
  { mount, migrationId, mountpoint, residence, directory }: WarmVolumeOptions,
  { before, files: blocks, atRest, signal }: Pass,
): AsyncGenerator<Buffer, Passed> {
  const { place } = await residence();
  const seat: HelperSeat = { migrationId, purpose: 'pack', mount, readOnly: true, capabilities: packCapabilities };
  const task = { ...seat, failure: 'pack_failed', tolerated: atRest ? [] : changing, signal } as const;
  const files = await makePassFiles(directory);

  const suspectSinceS = Date.now() / 1000 - limits.warm.timeMarginS;
  // A page that was written through a mapping shows in the file's times once it was written back, and not before.
  const sync = atRest ? '' : 'sync -f /v && ';
  const [listed, attributed] = [sharedFile(place), sharedFile(place)];
  await runInHelper(place, { ...task, script: sync + scanScript(listed.there, attributed.there) });
  const now = await files.take(listed, listing);
  const withAttributes = decodeNames(await readFile(await files.take(attributed, 'attributed'), 'latin1'));
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

/** Cut between two paths. */
async function* pathSections(kind: 'remove' | 'strip', list: string): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const piece of createReadStream(list)) {
    const bytes = Buffer.concat([rest, piece as Buffer]);
    const end = bytes.lastIndexOf(0) + 1;
    if (end > 0) yield encodeSection(kind, bytes.subarray(0, end));
    rest = bytes.subarray(end);
  }
}

/** As getfattr writes names: what would break a line is `\ooo`. */
function decodeNames(text: string): Set<string> {
  const decode = (name: string) =>
    name.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return new Set(text.split('\n').map(decode));
}
