import { StackferryError } from '../../../../schema/errors.ts';
import type { Arriving } from '../../../permissions/asked.ts';
import type { Engine } from '../../engine.ts';
import type { DockerContext } from '../context.ts';
import type { MigratedMounts } from '../data/migrated-mounts.ts';
import { bindPlaceRefusal, placeRefusal } from './project-place.ts';

/** Creates and fills directories on this host, each only where its policy takes them: the control plane names the paths. */
export function arrivingDirectories(
  context: DockerContext,
  mounts: MigratedMounts,
): Pick<Engine, 'createDirectory' | 'unpackDirectory' | 'unpackProject'> {
  const filling = (directory: string, migrationId: string, assertPlace: () => Promise<void>) => {
    const sink = mounts.fillDirectory(directory, migrationId);
    return {
      open: async (signal: AbortSignal) => {
        await assertPlace();
        return sink.open(signal);
      },
      reset: sink.reset,
    };
  };
  return {
    createDirectory: async (path, stack, migrationId) => {
      await assertBindPlace(context, stack, path);
      await mounts.createDirectory(path, migrationId);
    },
    unpackDirectory: (path, stack, migrationId) =>
      filling(path, migrationId, () => assertBindPlace(context, stack, path)),
    unpackProject: (directory, project, migrationId) =>
      filling(directory, migrationId, () => assertProjectPlace(context, project, directory)),
  };
}

/** Throws `policy_refused`. */
export async function assertProjectPlace(context: DockerContext, project: string, directory: string): Promise<void> {
  refuse(directory, await placeRefusal(context, project, directory));
}

async function assertBindPlace(context: DockerContext, stack: Arriving, path: string): Promise<void> {
  refuse(path, await bindPlaceRefusal(context, stack, path));
}

function refuse(path: string, why: string | null): void {
  if (why !== null) throw new StackferryError('policy_refused', `This host refuses ${path}: ${why}`);
}
