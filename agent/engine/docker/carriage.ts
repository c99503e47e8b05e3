import type { Readable } from 'node:stream';
import { limits } from '../../../schema/limits.ts';
import { manifestDigest } from '../../transfer/manifest.ts';
import type { TarSource } from '../../transfer/tar-ports.ts';
import type { Manifest, MeasuredTree } from '../engine.ts';
import { changing } from './complaints.ts';
import { readContents } from './content-stream.ts';
import { assertWhole, surveyTrees } from './data/survey.ts';
import { type Carried, type HelperPlace, readFromHelper, writeToHelper } from './helper.ts';
import { readAttributes, readEntries } from './manifest-stream.ts';
import {
  attributesScript,
  contentScript,
  entriesScript,
  packArguments,
  packCapabilities,
  unpackArguments,
  unpackCapabilities,
  unpackScript,
} from './tar-arguments.ts';

/** `place` is asked at each opening: a helper that was at hand may be gone by then. */
export function packer(place: () => HelperPlace, mount: Carried, migrationId: string, live = false): TarSource {
  return {
    open: (signal) =>
      readFromHelper(place(), {
        migrationId,
        purpose: 'pack',
        mount,
        readOnly: true,
        capabilities: packCapabilities,
        script: 'exec "$@"',
        arguments: packArguments,
        failure: 'pack_failed',
        tolerated: live ? changing : [],
        signal,
      }),
  };
}

export function unpack(place: HelperPlace, mount: Carried, migrationId: string, signal: AbortSignal) {
  return writeToHelper(place, {
    migrationId,
    purpose: 'unpack',
    mount,
    readOnly: false,
    capabilities: unpackCapabilities,
    script: unpackScript,
    arguments: unpackArguments,
    failure: 'unpack_failed',
    signal,
  });
}

/** With `contents`, what is in the files counts too; all is read side by side. */
export async function manifestOf(
  place: HelperPlace,
  mount: Carried,
  migrationId: string,
  contents = false,
): Promise<Manifest> {
  const digest = manifestDigest();
  const reading = async <T>(script: string, read: (output: Readable) => Promise<T>): Promise<T> => {
    const helper = await readFromHelper(place, {
      migrationId,
      purpose: 'manifest',
      mount,
      readOnly: true,
      capabilities: packCapabilities,
      script,
      failure: 'manifest_mismatch',
      signal: AbortSignal.timeout(limits.step.transferringMsMax),
    });
    const [result] = await Promise.all([read(helper.stream), helper.finished]);
    return result;
  };
  const [entries] = await Promise.all([
    reading(entriesScript, (output) => readEntries(output, digest)),
    reading(attributesScript, (output) => readAttributes(output, digest)),
    contents
      ? reading(contentScript, (tar) => readContents(tar, (path, sha256) => digest.add('content', [path, sha256])))
      : null,
  ]);
  return { sha256: digest.sum(), entries };
}

/** The tree's stack may run. Throws where something else is mounted in it. */
export async function measure(place: HelperPlace, mount: Carried, migrationId: string): Promise<MeasuredTree> {
  const signal = AbortSignal.timeout(limits.step.preparingMsMax);
  const [survey] = await surveyTrees(place, [mount], { migrationId, signal, secondsMax: null });
  assertWhole(mount, survey!);
  return { bytes: survey!.size!.tar_bytes, mark: survey!.mark };
}
