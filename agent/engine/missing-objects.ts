import { access } from 'node:fs/promises';
import type { CreatedObjects } from './engine.ts';

/** An engine's knowledge of its objects. */
export interface ObjectsHere {
  /** The migration that created a volume, null if none did, undefined if the volume does not exist. */
  makerOf(volume: string): Promise<string | null | undefined>;
  /** True if the object at a path is the one this migration put there. */
  holds(path: string, migrationId: string): Promise<boolean>;
}

/**
 * Names the volumes and paths that do not exist on this host; with `madeBy`, also those that this
 * migration did not create.
 */
export async function missingObjects(
  { volumes, paths }: Pick<CreatedObjects, 'volumes' | 'paths'>,
  here: ObjectsHere,
  madeBy?: string,
): Promise<string[]> {
  const hasVolume = async (name: string) => {
    const maker = await here.makerOf(name);
    return maker !== undefined && (madeBy === undefined || maker === madeBy);
  };
  const hasPath = (path: string) => (madeBy === undefined ? exists(path) : here.holds(path, madeBy));
  const absent = await Promise.all([
    ...volumes.map(async (name) => ((await hasVolume(name)) ? [] : [`volume ${name}`])),
    ...paths.map(async (path) => ((await hasPath(path)) ? [] : [path])),
  ]);
  return absent.flat();
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
