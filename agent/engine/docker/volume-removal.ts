import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import { listed, surveyTrees } from './data/survey.ts';
import type { HelperPlace } from './helper.ts';
import { migrationLabel } from './labels.ts';
import { findVolume, isPlain, type Volume } from './volumes.ts';

/** Removes the volume if this migration made it. One that another made meanwhile under its name stays: ours is gone. */
export async function removeVolume(place: HelperPlace, name: string, migrationId: string): Promise<void> {
  const volume = await findVolume(place.api, name);
  if (volume?.Labels[migrationLabel] === migrationId) await deleteVolume(place, volume, undefined, migrationId);
}

/** Removes the volume that `mark` was recorded of; another under its name stays, and throws. The Engine refuses one that is used. */
export async function purgeVolume(
  place: HelperPlace,
  name: string,
  mark: string | undefined,
  migrationId: string,
): Promise<void> {
  const volume = await findVolume(place.api, name);
  if (volume) await deleteVolume(place, volume, mark, migrationId);
}

/** The Engine deletes through whatever is mounted below a volume, so that is looked at first. */
async function deleteVolume(
  place: HelperPlace,
  volume: Volume,
  mark: string | undefined,
  migrationId: string,
): Promise<void> {
  if (isPlain(volume)) {
    const signal = AbortSignal.timeout(limits.step.cleanupMsMax);
    const [survey] = await surveyTrees(place, [{ volume: volume.Name }], { migrationId, signal, secondsMax: null });
    const { nested, mark: found } = survey!;
    if (mark !== undefined && mark !== found)
      throw new StackferryError('resource_taken', 'another volume has this name now: it is not the one that was moved');
    if (nested.length > 0)
      throw new StackferryError(
        'resource_taken',
        `something else is mounted in it, unmount that first: ${listed(nested)}`,
      );
  }
  await place.api.delete(`/volumes/${encodeURIComponent(volume.Name)}`);
}
