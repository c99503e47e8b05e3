import { opendir } from 'node:fs/promises';
import { z } from 'zod';
import type { AnonymousMount } from '../../../../schema/deployment.ts';
import { eachOf } from '../../../../schema/each-of.ts';
import { limits } from '../../../../schema/limits.ts';
import { boundDevice, optionMountOf } from '../../../../schema/option-mounts.ts';
import { filters } from '../api.ts';
import { occupant, occupyScript, unpackSpec, vacateScript } from '../data/tar-arguments.ts';
import { type HelperRuntime, runInHelper } from '../helper/helper.ts';
import type { HelperPool } from '../helper/helper-pool.ts';
import { composeLabels, migrationLabel } from '../labels.ts';
import { findVolumes, type Volume, volumeAnswer } from './volumes.ts';

export interface Unfilled {
  project: string;
  /** Unlabelled on the host that they come from. */
  anonymous: AnonymousMount[];
  migrationId: string;
  signal: AbortSignal;
}

/**
 * Creates containers while a placeholder file in each empty volume keeps the Engine from copying image files into it,
 * as it does at each creation: what was proven empty must start empty. Compose's `nocopy` would change the services'
 * hashes, so that the next `up` recreates them.
 */
export async function createUnfilled(
  runtime: HelperRuntime,
  helperPool: HelperPool,
  { project, anonymous, migrationId, signal }: Unfilled,
  create: () => Promise<void>,
): Promise<void> {
  const lists = await Promise.all(
    [`${migrationLabel}=${migrationId}`, `${composeLabels.project}=${project}`].map((label) =>
      runtime.api.get(`/volumes?${filters({ label: [label] })}`, volumeList),
    ),
  );
  const named = await findVolumes(
    runtime.api,
    anonymous.map(({ volume }) => volume),
  );
  const listed = lists.flatMap(({ Volumes }) => Volumes ?? []);
  const volumes = new Map([...listed, ...named].map((volume) => [volume.Name, volume]));
  const looked = await Promise.all(
    [...volumes.values()].map(async (volume) => (isTmpfs(volume) || (await holdsFiles(volume)) ? [] : volume)),
  );
  const inEach = (script: string, until: AbortSignal) =>
    eachOf(looked.flat(), limits.agent.lanesAtOnceMax, ({ Name }) => {
      const mount = { volume: Name };
      return runInHelper(helperPool.placeOf(mount, migrationId), {
        ...unpackSpec(mount, migrationId),
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

/** What comes into it at the creation of a container is gone after it. */
const isTmpfs = ({ Driver, Options }: Volume) => optionMountOf({ driver: Driver, options: Options })?.kind === 'tmpfs';

const volumeList = z.object({ Volumes: z.array(volumeAnswer).nullish() });

/** False also if the agent can't read the volume, which may then hold files. */
async function holdsFiles({ Mountpoint, Driver, Options }: Volume): Promise<boolean> {
  const bound = boundDevice({ driver: Driver, options: Options });
  const directory = await opendir(bound ?? Mountpoint).catch(() => null);
  if (!directory) return false;
  try {
    const entry = await directory.read();
    // A placeholder of an earlier run does not count.
    return entry !== null && entry.name !== occupant;
  } finally {
    await directory.close();
  }
}
