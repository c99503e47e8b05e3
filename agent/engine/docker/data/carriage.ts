import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import { limits } from '../../../../schema/limits.ts';
import { manifestDigest } from '../../../transfer/manifest.ts';
import type { TarSource } from '../../../transfer/tar-ports.ts';
import type { Manifest, MeasuredTree } from '../../engine.ts';
import { reachIn, type Tree } from '../../tree.ts';
import { type HelperRuntime, readFromHelper, writeToHelper } from '../helper/helper.ts';
import { changing } from '../helper/stderr-rules.ts';
import { type SharedFile, sharedFile } from '../precopy/pass-files.ts';
import { readAttributes, readEntries } from './manifest-stream.ts';
import { unpackInShards } from './shards.ts';
import { assertWhole, surveyTrees } from './survey.ts';
import {
  attributesScript,
  entriesScript,
  packCapabilities,
  packing,
  unpackArguments,
  unpackOverArguments,
  unpackScript,
  unpackSpec,
} from './tar-arguments.ts';

/** `runtime` is evaluated at each opening: a resident helper may be gone by then. */
export function packer(runtime: () => HelperRuntime, mount: Tree, migrationId: string, live = false): TarSource {
  return {
    open: (signal) =>
      readFromHelper(runtime(), {
        migrationId,
        purpose: 'pack',
        mount,
        readOnly: true,
        capabilities: packCapabilities,
        ...packing(reachIn(mount)),
        failure: 'pack_failed',
        tolerated: live ? changing : [],
        signal,
      }),
  };
}

/** One core is the agent's own, with TLS and digests: on two, what a second unpacker saves is what taking the tar apart costs. */
function shardsOf(cores: number): number {
  const { unpackShardsMin, unpackShardsMax } = limits.agent;
  return Math.min(Math.max(cores - 1, unpackShardsMin), unpackShardsMax);
}

/** Side by side where a helper stands by. */
export function unpack(runtime: HelperRuntime, mount: Tree, migrationId: string, signal: AbortSignal) {
  const task = (script: string, args: string[]) => (signal: AbortSignal) =>
    writeToHelper(runtime, {
      ...unpackSpec(mount, migrationId),
      script,
      arguments: args,
      failure: 'unpack_failed',
      signal,
    });
  const shards = runtime.resident ? shardsOf(availableParallelism()) : 1;
  if (shards === 1) return task(unpackScript, unpackArguments)(signal);
  const others = Array.from({ length: shards - 1 }, () => task('exec "$@"', unpackOverArguments));
  return unpackInShards([task(unpackScript, unpackOverArguments), ...others], signal);
}

/** Of a helper that reads what a manifest holds. */
export const manifestTask = (mount: Tree, migrationId: string, signal: AbortSignal) => ({
  migrationId,
  purpose: 'manifest' as const,
  mount,
  readOnly: true,
  capabilities: packCapabilities,
  failure: 'manifest_mismatch' as const,
  signal,
});

/** Calls `onFile` for the contents of each file of a listing, or of all where there is none. */
type AddContents = (
  onFile: (path: string, digest: string) => void,
  listed: Promise<SharedFile> | null,
) => Promise<void>;

/**
 * The parts are read concurrently. `addContents`: null for a manifest without. In a resident helper, the walk that finds the
 * entries lists the files for it.
 */
export async function manifestOf(
  runtime: HelperRuntime,
  mount: Tree,
  migrationId: string,
  addContents: AddContents | null,
): Promise<Manifest> {
  const digest = manifestDigest();
  const reach = reachIn(mount);
  const task = manifestTask(mount, migrationId, AbortSignal.timeout(limits.step.transferringMsMax));
  const reading = async <T>(script: string, read: (output: Readable) => Promise<T>): Promise<T> => {
    const helper = await readFromHelper(runtime, { ...task, script });
    const [result] = await Promise.all([read(helper.stream), helper.finished]);
    return result;
  };
  const files = addContents && runtime.resident ? sharedFile(runtime) : null;
  const reads = reading(entriesScript(reach, files?.there), (output) => readEntries(output, digest));
  const listed = files && reads.then(() => files);
  listed?.catch(() => {});
  const [entries] = await Promise.all([
    reads,
    reading(attributesScript(reach), (output) => readAttributes(output, digest)),
    addContents?.((path, contents) => digest.add('content', [path, contents]), listed),
  ]);
  return { sha256: digest.sum(), entries };
}

/** The tree's stack may be running. Throws if something else is mounted in the tree. */
export async function measure(runtime: HelperRuntime, mount: Tree, migrationId: string): Promise<MeasuredTree> {
  const signal = AbortSignal.timeout(limits.step.preparingMsMax);
  const [survey] = await surveyTrees(runtime, [mount], { migrationId, signal, secondsMax: null });
  assertWhole(mount, survey!);
  const { size, mark, left } = survey!;
  return { bytes: size!.tar_bytes, mark, left_out: left };
}
