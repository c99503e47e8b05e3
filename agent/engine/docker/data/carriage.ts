import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import { limits } from '../../../../schema/limits.ts';
import { manifestDigest } from '../../../transfer/manifest.ts';
import type { TarWriter } from '../../../transfer/tar-ports.ts';
import type { Manifest, MeasuredTree } from '../../engine.ts';
import { reachIn, type Tree } from '../../tree.ts';
import { type HelperRuntime, readFromHelper, writeToHelper } from '../helper/helper.ts';
import { changing } from '../helper/stderr-rules.ts';
import { type SharedFile, sharedFile } from '../precopy/pass-files.ts';
import { openLargeTarget, unpackLarge } from './large-unpacker.ts';
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

/** Of a helper that packs. */
export const packTask = (mount: Tree, migrationId: string, signal: AbortSignal) => ({
  migrationId,
  purpose: 'pack' as const,
  mount,
  readOnly: true,
  capabilities: packCapabilities,
  failure: 'pack_failed' as const,
  signal,
});

/** Of a helper that fills a tree. */
const unpackTask = (mount: Tree, migrationId: string, signal: AbortSignal) => ({
  ...unpackSpec(mount, migrationId),
  failure: 'unpack_failed' as const,
  signal,
});

/** Packs a tree whose files may change or vanish meanwhile. */
export const packLive = (runtime: HelperRuntime, mount: Tree, migrationId: string, signal: AbortSignal) =>
  readFromHelper(runtime, {
    ...packTask(mount, migrationId, signal),
    ...packing(reachIn(mount)),
    tolerated: changing,
  });

/** One core is the agent's own, with TLS and digests: on two, what a second unpacker saves is what taking the tar apart costs. */
function shardsOf(cores: number): number {
  const { unpackShardsMin, unpackShardsMax } = limits.agent;
  return Math.min(Math.max(cores - 1, unpackShardsMin), unpackShardsMax);
}

/** Side by side where a helper stands by, which also lets the agent write large files itself below `root`. */
export async function unpack(
  runtime: HelperRuntime,
  mount: Tree,
  migrationId: string,
  root: () => Promise<string | null>,
  signal: AbortSignal,
): Promise<TarWriter> {
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const task = unpackTask(mount, migrationId, until);
  const opening = (script: string, args: string[]) => (signal: AbortSignal) =>
    writeToHelper(runtime, { ...task, script, arguments: args, signal });
  if (!runtime.resident) return opening(unpackScript, unpackArguments)(until);
  const shards = shardsOf(availableParallelism());
  const others = Array.from({ length: shards - 1 }, () => opening('exec "$@"', unpackOverArguments));
  const writer =
    shards === 1
      ? await opening(unpackScript, unpackArguments)(until)
      : await unpackInShards([opening(unpackScript, unpackOverArguments), ...others], until);
  return unpackLarge(
    writer,
    mount,
    async () => openLargeTarget(runtime, task, await root()),
    () => stop.abort(),
  );
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
export type AddContents = (
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
  signal: AbortSignal,
): Promise<Manifest> {
  const digest = manifestDigest();
  const reach = reachIn(mount);
  const task = manifestTask(mount, migrationId, signal);
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
export async function measure(
  runtime: HelperRuntime,
  mount: Tree,
  migrationId: string,
): Promise<MeasuredTree & { largest_bytes: number }> {
  const signal = AbortSignal.timeout(limits.step.preparingMsMax);
  const [survey] = await surveyTrees(runtime, [mount], { migrationId, signal, secondsMax: null });
  assertWhole(mount, survey!);
  const { size, mark, left } = survey!;
  return { bytes: size!.tar_bytes, mark, left_out: left, largest_bytes: size!.largest_bytes };
}
