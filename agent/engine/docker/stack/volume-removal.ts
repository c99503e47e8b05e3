import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import { listed, surveyTrees } from '../data/survey.ts';
import type { HelperRuntime } from '../helper/helper.ts';
import { migrationLabel } from '../labels.ts';
import { findVolume, isPlain, type Volume } from './volumes.ts';

/**
 * Removes the volume if this migration created it. Another one that has taken its name stays: this migration's is gone.
 */
export async function removeVolume(runtime: HelperRuntime, name: string, migrationId: string): Promise<void> {
  const volume = await findVolume(runtime.api, name);
  if (volume?.Labels[migrationLabel] === migrationId) await deleteVolume(runtime, volume, undefined, migrationId);
}

/** Removes the volume with this mark; throws if another one has taken its name. The Engine refuses a volume in use. */
export async function purgeVolume(
  runtime: HelperRuntime,
  name: string,
  mark: string | undefined,
  migrationId: string,
): Promise<void> {
  const volume = await findVolume(runtime.api, name);
  if (volume) await deleteVolume(runtime, volume, mark, migrationId);
}

/** Checks for nested mounts first: the Engine would delete through them. */
async function deleteVolume(
  runtime: HelperRuntime,
  volume: Volume,
  mark: string | undefined,
  migrationId: string,
): Promise<void> {
  if (isPlain(volume)) {
    const signal = AbortSignal.timeout(limits.step.cleanupMsMax);
    const [survey] = await surveyTrees(runtime, [{ volume: volume.Name }], { migrationId, signal, secondsMax: null });
    const { nested, mark: found } = survey!;
    if (mark !== undefined && mark !== found)
      throw new StackferryError('resource_taken', 'another volume has this name now: it is not the one that was moved');
    if (nested.length > 0)
      throw new StackferryError(
        'resource_taken',
        `something else is mounted in it, unmount that first: ${listed(nested)}`,
      );
  }
  await runtime.api.delete(`/volumes/${encodeURIComponent(volume.Name)}`);
}
