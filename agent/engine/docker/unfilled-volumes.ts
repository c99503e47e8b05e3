import { opendir } from 'node:fs/promises';
import { z } from 'zod';
import { eachOf } from '../../../schema/each-of.ts';
import { limits } from '../../../schema/limits.ts';
import { filters } from './api.ts';
import { type HelperPlace, runInHelper } from './helper.ts';
import { composeLabels, migrationLabel } from './labels.ts';
import type { Residences } from './residences.ts';
import { occupant, occupyScript, unpackCapabilities, vacateScript } from './tar-arguments.ts';
import { type Volume, volumeAnswer } from './volumes.ts';

/**
 * Creates containers without the Engine filling their empty volumes from the image, which it does at each creation: what
 * was proven to be empty must start empty. Compose's `nocopy` would change the services' hashes, so that the next `up`
 * recreates them. A file stands in each empty volume meanwhile.
 */
export async function createUnfilled(
  place: HelperPlace,
  residences: Residences,
  { project, migrationId, signal }: { project: string; migrationId: string; signal: AbortSignal },
  create: () => Promise<void>,
): Promise<void> {
  const lists = await Promise.all(
    [`${migrationLabel}=${migrationId}`, `${composeLabels.project}=${project}`].map((label) =>
      place.api.get(`/volumes?${filters({ label: [label] })}`, volumeList),
    ),
  );
  const volumes = new Map(lists.flatMap(({ Volumes }) => Volumes ?? []).map((volume) => [volume.Name, volume]));
  const looked = await Promise.all(
    [...volumes.values()].map(async (volume) => ((await holdsFiles(volume)) ? [] : volume)),
  );
  const inEach = (script: string, until: AbortSignal) =>
    eachOf(looked.flat(), limits.agent.lanesAtOnceMax, ({ Name }) => {
      const mount = { volume: Name };
      return runInHelper(residences.placeOf(mount, migrationId), {
        migrationId,
        purpose: 'unpack',
        mount,
        readOnly: false,
        capabilities: unpackCapabilities,
        script,
        failure: 'unpack_failed',
        signal: until,
      });
    });
  await inEach(occupyScript, signal);
  try {
    await create();
  } finally {
    await inEach(vacateScript, AbortSignal.timeout(limits.agent.engineRequestMsMax));
  }
}

const volumeList = z.object({ Volumes: z.array(volumeAnswer).nullish() });

/** As far as the agent sees: a volume of which it sees nothing may hold files all the same. */
async function holdsFiles({ Mountpoint }: Volume): Promise<boolean> {
  const directory = await opendir(Mountpoint).catch(() => null);
  if (!directory) return false;
  try {
    const entry = await directory.read();
    // What an earlier run left does not count.
    return entry !== null && entry.name !== occupant;
  } finally {
    await directory.close();
  }
}
