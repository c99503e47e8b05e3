import { rm, writeFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { limits } from '../../../schema/limits.ts';
import type { TarSink, TarWriter } from '../../transfer/tar-ports.ts';
import { feedUnpacker, type UnpackerFeed } from '../../transfer/unpacker-feed.ts';
import { broken, createSectionReader, type Section } from '../../warm/delta-stream.ts';
import { createPatchedFiles } from '../../warm/patched-files.ts';
import { torn } from './complaints.ts';
import { type Carried, type HelperPlace, type HelperSeat, runInHelper, writeToHelper } from './helper.ts';
import { sharedFile } from './pass-files.ts';
import { removeScript, stripScript, timesScript, unpackCapabilities, unpackOverArguments } from './tar-arguments.ts';

/** The target's side of one volume that is copied before the stop: applies a delta stream to what is there. */
export function changesUnpacker(options: {
  mount: Carried;
  migrationId: string;
  /** Whether it comes from a running stack. */
  isLive: boolean;
  mountpoint: () => Promise<string>;
  /** The volume, made anew and empty. */
  recreate: () => Promise<void>;
  /** A helper that stays, opened when it is first needed; a volume that is made anew needs a new one. */
  residence: () => Promise<{ place: HelperPlace }>;
}): TarSink {
  const seat: HelperSeat = {
    migrationId: options.migrationId,
    purpose: 'unpack',
    mount: options.mount,
    readOnly: false,
    capabilities: unpackCapabilities,
  };

  async function open(signal: AbortSignal): Promise<TarWriter> {
    const read = createSectionReader();
    const files = createPatchedFiles(await options.mountpoint());
    const task = { ...seat, failure: 'unpack_failed', signal } as const;
    const run = async (script: string, place?: HelperPlace) =>
      runInHelper(place ?? (await options.residence()).place, { ...task, script });
    /** A list goes by a file: an argument would end at 128 KiB. */
    const runOver = async (list: Buffer, scriptOf: (list: string) => string) => {
      const { place } = await options.residence();
      const { here, there } = sharedFile(place);
      await writeFile(here, list, { mode: 0o600, flag: 'wx' });
      await run(scriptOf(there), place).finally(() => rm(here, { force: true }));
    };
    let tar: UnpackerFeed | null = null;
    let begun = false;
    let ended = false;

    const setTimes = async () => {
      const written = await files.end();
      if (written.length === 0) return;
      const records = written.map(({ path, mtime }) => `${mtime} ${path}\0`);
      await runOver(Buffer.from(records.join(''), 'latin1'), timesScript);
    };

    const openTar = async (): Promise<UnpackerFeed> => {
      await setTimes();
      const { place } = await options.residence();
      const writer = await writeToHelper(place, {
        ...task,
        script: 'exec "$@"',
        arguments: unpackOverArguments,
        tolerated: options.isLive ? torn : [],
      });
      return feedUnpacker(writer, limits.stream.unpackerExitMsMax, (error) => stream.destroy(error as Error));
    };

    const apply = async (section: Section): Promise<void> => {
      if (ended || begun === (section.kind === 'begin')) throw broken(`"${section.kind}" out of turn`);
      if (tar && section.kind !== 'tar') throw broken('a tar without its end');
      switch (section.kind) {
        case 'begin':
          begun = true;
          if (section.whole) await options.recreate();
          return;
        case 'remove':
        case 'strip':
          await setTimes();
          return runOver(section.data, section.kind === 'remove' ? removeScript : stripScript);
        case 'rename':
          await setTimes();
          return files.rename(section.rename);
        case 'file':
          return files.begin(section.file);
        case 'block':
          return files.write(section.offset, section.data);
        case 'tar':
          if (section.data.length > 0) {
            tar ??= await openTar();
            return tar.write(section.data);
          }
          if (!tar) throw broken('the end of a tar that did not begin');
          await tar.finish(limits.stream.unpackerExitMsMax);
          tar = null;
          return;
        case 'end':
          await setTimes();
          // What is acknowledged outlives a power cut (F23).
          await run('sync -f /v');
          ended = true;
          return;
      }
    };

    const stream = new Writable({
      highWaterMark: limits.stream.chunkBytesMax,
      write: (piece: Buffer, _encoding, done) => {
        const applyAll = async () => {
          for (const section of read(piece)) await apply(section);
        };
        applyAll().then(() => done(), done);
      },
      final: (done) => done(ended ? null : broken('a stream without its end')),
      destroy: (error, done) => void files.abandon().finally(() => done(error)),
    });
    const finished = new Promise<void>((resolve, reject) => {
      stream.once('finish', resolve).once('error', reject);
      stream.once('close', () => reject(new Error('the unpacker was stopped')));
    });
    finished.catch(() => {});
    signal.addEventListener('abort', () => stream.destroy(), { once: true });
    return { stream, finished };
  }

  // What to begin with is said by the stream itself.
  return { open, reset: async () => {} };
}
