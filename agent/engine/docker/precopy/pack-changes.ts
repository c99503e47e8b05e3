import { rm } from 'node:fs/promises';
import { limits } from '../../../../schema/limits.ts';
import { encodeBegin, encodeSection } from '../../../precopy/delta-stream.ts';
import { createLargeFiles } from '../../../precopy/large-files.ts';
import { readGenerated } from '../../../transfer/generated-tar.ts';
import type { TarSource } from '../../../transfer/tar-ports.ts';
import type { WarmVolume } from '../../engine.ts';
import { type Passed, packPass, type WarmVolumeOptions } from './pass.ts';

/**
 * The source's side of a pre-copied volume or directory. State of the passes is in memory and lost when the agent
 * exits: then the copy after the stop is a full one.
 */
export function createWarmVolume(options: WarmVolumeOptions): WarmVolume & { forget(): Promise<void> } {
  const noFiles = () => createLargeFiles(options.mountpoint ?? '');
  let passed: Passed | null = null;
  /** Sent to the end, and not yet known to have arrived. */
  let sent: Passed | null = null;
  let report: ReturnType<WarmVolume['report']> = [];

  const remembered = async () => ((await passed?.files.areThere()) ? passed : null);

  async function* passesFrom(known: Passed | null, signal: AbortSignal): AsyncGenerator<Buffer> {
    let last = known;
    passed = null;
    await sent?.files.remove();
    sent = null;
    report = [];
    yield encodeBegin(known === null);
    do {
      const began = performance.now();
      let bytes = 0;
      const before: Passed | null = last;
      const pass = packPass(options, { before, files: before?.blocks ?? noFiles(), atRest: false, signal });
      let piece = await pass.next();
      for (; !piece.done; piece = await pass.next()) {
        bytes += piece.value.length;
        yield piece.value;
      }
      last = piece.value;
      await before?.files.remove();
      report.push({ bytes, ms: performance.now() - began });
    } while (!isSettled(report));
    // Only after all passes have ended: an interrupted one has changed files on the target that no block map describes.
    sent = last;
    yield encodeSection('end');
  }

  async function* rest(signal: AbortSignal): AsyncGenerator<Buffer> {
    const before = await remembered();
    yield encodeBegin(before === null);
    // It may be requested again, so it must not change the state.
    const { files } = yield* packPass(options, {
      before,
      files: before?.blocks.copy() ?? noFiles(),
      atRest: true,
      signal,
    });
    await files.remove();
    yield encodeSection('end');
  }

  return {
    passes: sourceOf((signal) => passesFrom(null, signal)),
    more: sourceOf(async function* (signal) {
      yield* passesFrom(await remembered(), signal);
    }),
    arrived: () => {
      passed = sent ?? passed;
      sent = null;
    },
    rest: sourceOf(rest),
    report: () => report,
    forget: () => rm(options.directory, { recursive: true, force: true }),
  };
}

const sourceOf = (sections: (signal: AbortSignal) => AsyncGenerator<Buffer>): TarSource => ({
  open: async (signal) => readGenerated(sections(signal), signal),
});

function isSettled(report: ReturnType<WarmVolume['report']>): boolean {
  const { passesMax, shrinkMin, smallBytes } = limits.warm;
  const [before, last] = [report.at(-2), report.at(-1)];
  if (!last || report.length >= passesMax) return true;
  if (last.bytes < smallBytes) return true;
  return before !== undefined && last.bytes > before.bytes * (1 - shrinkMin);
}
