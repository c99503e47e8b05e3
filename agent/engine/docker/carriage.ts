import { z } from 'zod';
import type { StackVolume } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import type { TarSink, TarSource } from '../../transfer/tar-ports.ts';
import type { Manifest } from '../engine.ts';
import type { PlacedDirectories } from '../placed-directories.ts';
import { type HelperPlace, readFromHelper, writeToHelper } from './helper.ts';
import { readManifest } from './manifest-stream.ts';
import {
  manifestScript,
  measureScript,
  packArguments,
  packCapabilities,
  unpackArguments,
  unpackCapabilities,
} from './tar-arguments.ts';
import { createVolume, removeVolume } from './volumes.ts';

/** What a helper sees: a volume, or the project directory. */
export type Carried = { volume: string } | { directory: string };

export function packer(place: HelperPlace, mount: Carried, migrationId: string): TarSource {
  return {
    open: (signal) =>
      readFromHelper(place, {
        migrationId,
        purpose: 'pack',
        mount,
        readOnly: true,
        capabilities: packCapabilities,
        script: 'exec "$@"',
        arguments: packArguments,
        failure: 'pack_failed',
        signal,
      }),
  };
}

export function volumeUnpacker(place: HelperPlace, spec: StackVolume, migrationId: string): TarSink {
  return {
    open: (signal) => unpack(place, { volume: spec.name }, migrationId, signal),
    // Removals of attributes on directories do not travel in a tar, so a whole resend needs a new volume.
    async reset() {
      await removeVolume(place.api, spec.name, migrationId);
      await createVolume(place.api, spec, migrationId);
    },
  };
}

/** Refuses a place where anything is that this migration did not make. */
export function directoryUnpacker(
  place: HelperPlace,
  placed: PlacedDirectories,
  directory: string,
  migrationId: string,
): TarSink {
  return {
    async open(signal) {
      await placed.claim(directory, migrationId);
      return unpack(place, { directory }, migrationId, signal);
    },
    reset: () => placed.empty(directory, migrationId),
  };
}

/** Syncs before it ends, so that what is acknowledged outlives a power cut (F23). */
function unpack(place: HelperPlace, mount: Carried, migrationId: string, signal: AbortSignal) {
  return writeToHelper(place, {
    migrationId,
    purpose: 'unpack',
    mount,
    readOnly: false,
    capabilities: unpackCapabilities,
    script: '"$@" && sync -f /v',
    arguments: unpackArguments,
    failure: 'unpack_failed',
    signal,
  });
}

/** With `contents`, what is in the files counts too. */
export async function manifestOf(
  place: HelperPlace,
  mount: Carried,
  migrationId: string,
  contents = false,
): Promise<Manifest> {
  const helper = await readFromHelper(place, {
    migrationId,
    purpose: 'manifest',
    mount,
    readOnly: true,
    capabilities: packCapabilities,
    script: manifestScript(contents),
    failure: 'manifest_mismatch',
    signal: AbortSignal.timeout(limits.step.transferringMsMax),
  });
  const [manifest] = await Promise.all([readManifest(helper.stream), helper.finished]);
  return manifest;
}

export async function measure(place: HelperPlace, mount: Carried, migrationId: string): Promise<number> {
  const helper = await readFromHelper(place, {
    migrationId,
    purpose: 'measure',
    mount,
    readOnly: true,
    capabilities: packCapabilities,
    script: measureScript,
    failure: 'pack_failed',
    signal: AbortSignal.timeout(limits.step.preparingMsMax),
  });
  let text = '';
  const read = async () => {
    for await (const chunk of helper.stream) text += String(chunk);
  };
  await Promise.all([read(), helper.finished]);
  return z.coerce.number().int().nonnegative().parse(text.trim());
}
