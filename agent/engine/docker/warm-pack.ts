import { createReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { limits } from '../../../schema/limits.ts';
import type { TarSource } from '../../transfer/tar-ports.ts';
import { findChanges, isBlockFile } from '../../warm/changes.ts';
import { encodeBegin, encodeRename, encodeSection } from '../../warm/delta-stream.ts';
import { createLargeFiles } from '../../warm/large-files.ts';
import { scanScript } from '../../warm/listing.ts';
import type { WarmVolume } from '../engine.ts';
import { changing } from './complaints.ts';
import { type HelperSeat, readFromHelper, runInHelper } from './helper.ts';
import type { Residence } from './resident-helper.ts';
import { packCapabilities, packListedArguments } from './tar-arguments.ts';

/** The source's side of one volume that is copied before the stop. What it remembers of the passes is lost with the agent. */
export function createWarmVolume(options: {
  volume: string;
  migrationId: string;
  /** Where the volume's files lie on this host; null where large files are not to go by blocks. */
  mountpoint: string | null;
  /** A helper that stays for all passes, opened when it is first needed. */
  residence: () => Promise<Residence>;
}): WarmVolume {
  const { mountpoint, residence } = options;
  const seat: HelperSeat = {
    migrationId: options.migrationId,
    purpose: 'pack',
    mount: { volume: options.volume },
    readOnly: true,
    capabilities: packCapabilities,
  };
  let large = createLargeFiles(mountpoint ?? '');
  let known: { listing: string; suspectSinceS: number } | null = null;
  let report: ReturnType<WarmVolume['report']> = [];
  let scans = 0;

  async function* passes(signal: AbortSignal): AsyncGenerator<Buffer> {
    known = null;
    report = [];
    large = createLargeFiles(mountpoint ?? '');
    yield encodeBegin(true);
    do {
      const began = performance.now();
      let bytes = 0;
      for await (const data of pass(false, signal)) {
        bytes += data.length;
        yield data;
      }
      report.push({ bytes, ms: performance.now() - began });
    } while (!isSettled(report));
    yield encodeSection('end');
  }

  async function* rest(signal: AbortSignal): AsyncGenerator<Buffer> {
    yield encodeBegin(known === null);
    yield* pass(true, signal);
    yield encodeSection('end');
  }

  async function* pass(atRest: boolean, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { place } = await residence();
    const tolerated = atRest ? [] : changing;
    const task = { ...seat, failure: 'pack_failed', tolerated, signal } as const;
    // At rest nothing is remembered: it may be asked for again.
    const files = atRest ? large.copy() : large;
    const file = (name: string) => ({ here: join(place.ioDir, name), there: `/io/${name}` });
    scans += 1;
    const listing = file(`listing.${scans}`);
    const attributed = file('attributed');
    const removeList = file('remove');
    const tarList = file('tar');
    const directoryList = file('directories');

    const suspectSinceS = Date.now() / 1000 - limits.warm.timeMarginS;
    // A page that was written through a mapping shows in the file's times once it was written back, and not before.
    const sync = atRest ? '' : 'sync -f /v && ';
    await runInHelper(place, { ...task, script: sync + scanScript(listing.there, attributed.there) });
    const withAttributes = decodeNames(await readFile(attributed.here, 'latin1'));
    const changes = await findChanges({
      before: known?.listing ?? null,
      now: listing.here,
      suspectSinceS: known?.suspectSinceS ?? 0,
      byBlocks: (entry) =>
        mountpoint !== null && isBlockFile(entry) && !withAttributes.has(entry.path) && files.hasRoomFor(entry),
      isMapped: files.has,
      wasRead: files.wasRead,
      removeList: removeList.here,
      tarList: tarList.here,
      directoryList: directoryList.here,
    });

    if (changes.removals > 0) yield* pathSections('remove', removeList.here);
    for (const path of changes.forgotten) files.forget(path);
    for (const rename of changes.renames) {
      files.rename(rename);
      yield encodeRename(rename);
    }
    if (changes.directories > 0) yield* pathSections('strip', directoryList.here);
    yield* files.read(changes.large, { mayVanish: !atRest });
    if (changes.entries > 0) {
      const tar = await readFromHelper(place, {
        ...task,
        script: 'exec "$@"',
        arguments: packListedArguments(tarList.there),
      });
      for await (const piece of tar.stream) yield encodeSection('tar', piece as Buffer);
      await tar.finished;
      yield encodeSection('tar');
    }
    if (atRest) return;
    if (known) await rm(known.listing, { force: true });
    known = { listing: listing.here, suspectSinceS };
  }

  const source = (sections: (signal: AbortSignal) => AsyncGenerator<Buffer>): TarSource => ({
    open: async (signal) => {
      const stream = Readable.from(sections(signal), { objectMode: true, highWaterMark: 1 });
      const finished = new Promise<void>((resolve, reject) => {
        stream.once('end', resolve).once('error', reject);
        stream.once('close', () => reject(new Error('the packer was stopped')));
      });
      finished.catch(() => {});
      signal.addEventListener('abort', () => stream.destroy());
      return { stream, finished };
    },
  });
  return { passes: source(passes), rest: source(rest), report: () => report };
}

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

function isSettled(report: ReturnType<WarmVolume['report']>): boolean {
  const { passesMax, shrinkMin, smallBytes } = limits.warm;
  const [before, last] = [report.at(-2), report.at(-1)];
  if (!last || report.length >= passesMax) return true;
  if (last.bytes < smallBytes) return true;
  return before !== undefined && last.bytes > before.bytes * (1 - shrinkMin);
}

/** As getfattr writes names: what would break a line is `\ooo`. */
function decodeNames(text: string): Set<string> {
  const decode = (name: string) =>
    name.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return new Set(text.split('\n').map(decode));
}
