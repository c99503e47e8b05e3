import { z } from 'zod';
import { limits } from '../../../schema/limits.ts';
import type { TarSource } from '../../transfer/tar-ports.ts';
import type { Manifest } from '../engine.ts';
import { type HelperPlace, readFromHelper, writeToHelper } from './helper.ts';
import { readManifest } from './manifest-stream.ts';
import type { Carried } from './residences.ts';
import {
  manifestScript,
  measureScript,
  packArguments,
  packCapabilities,
  unpackArguments,
  unpackCapabilities,
  unpackScript,
} from './tar-arguments.ts';

/** `place` is asked at each opening: a helper that was at hand may be gone by then. */
export function packer(place: () => HelperPlace, mount: Carried, migrationId: string): TarSource {
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
