import { Writable } from 'node:stream';
import { limits } from '../../../../schema/limits.ts';
import { broken, createSectionReader, type Section } from '../../../precopy/delta-stream.ts';
import { createPatchedFiles } from '../../../precopy/patched-files.ts';
import type { TarSink, TarWriter } from '../../../transfer/tar-ports.ts';
import { feedUnpacker, type UnpackerFeed } from '../../../transfer/unpacker-feed.ts';
import type { Tree } from '../../tree.ts';
import { runOverList, setTimes } from '../data/list-job.ts';
import { removeScript, stripScript, unpackOverArguments, unpackSpec } from '../data/tar-arguments.ts';
import { type HelperRuntime, type HelperSpec, runInHelper, writeToHelper } from '../helper/helper.ts';
import { torn } from '../helper/stderr-rules.ts';

/** The target's side of a pre-copied volume or directory: applies a delta stream to the existing files. */
export function changesUnpacker(options: {
  mount: Tree;
  migrationId: string;
  /** True if the source's stack is running. */
  isLive: boolean;
  mountpoint: () => Promise<string>;
  /** Recreates the volume empty. */
  recreate: () => Promise<void>;
  /** Opens the resident helper on first use; a recreated volume needs a new one. */
  residence: () => Promise<{ place: HelperRuntime }>;
}): TarSink {
  const spec: HelperSpec = unpackSpec(options.mount, options.migrationId);

  async function open(signal: AbortSignal): Promise<TarWriter> {
    const read = createSectionReader();
    const task = { ...spec, failure: 'unpack_failed', signal } as const;
    const files = createPatchedFiles(await options.mountpoint(), async (written) =>
      setTimes((await options.residence()).place, task, written),
    );
    const unpacked = Promise.withResolvers<void>();
    let tar: UnpackerFeed | null = null;
    let begun = false;
    let ended = false;

    const openTar = async (): Promise<UnpackerFeed> => {
      await files.end();
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
          await files.end();
          return runOverList(
            (await options.residence()).place,
            task,
            section.data,
            section.kind === 'remove' ? removeScript : stripScript,
          );
        case 'rename':
          await files.end();
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
          await files.end();
          unpacked.resolve();
          // What is acknowledged must survive a power cut (F23).
          await runInHelper((await options.residence()).place, { ...task, script: 'sync -f /v' });
          ended = true;
          return;
      }
    };

    let applying = Promise.resolve();
    const stream: Writable = new Writable({
      highWaterMark: limits.stream.chunkBytesMax,
      write: (piece: Buffer, _encoding, done) => {
        const applyAll = async () => {
          for (const section of read(piece)) {
            if (stream.destroyed) throw new Error('the unpacker was stopped');
            await apply(section);
          }
        };
        applying = applyAll();
        applying.then(() => done(), done);
      },
      final: (done) => done(ended ? null : broken('a stream without its end')),
      // What it writes to may be recreated next.
      destroy: (error, done) =>
        void applying
          .catch(() => {})
          .then(() => files.abandon())
          .finally(() => done(error)),
    });
    const finished = new Promise<void>((resolve, reject) => {
      stream.once('finish', resolve).once('error', reject);
      stream.once('close', () => reject(new Error('the unpacker was stopped')));
    });
    finished.catch(() => {});
    signal.addEventListener('abort', () => stream.destroy(), { once: true });
    return { stream, finished, unpacked: unpacked.promise };
  }

  // The stream itself says whether to start from scratch.
  return { open, reset: async () => {} };
}
