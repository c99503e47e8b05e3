import { eachOf } from '../../../schema/each-of.ts';
import type { StackVolume } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import type { TarSink, TarSource } from '../../transfer/tar-ports.ts';
import type { Manifest, MeasuredTree, StandbyPlaces } from '../engine.ts';
import type { PlacedDirectories } from '../placed-directories.ts';
import { manifestOf, measure, packer, unpack } from './carriage.ts';
import { createEmptyPlaces } from './empty-places.ts';
import type { Carried, HelperPlace } from './helper.ts';
import { createResidences, type Residences, type Side } from './residences.ts';
import { removeVolume } from './volume-removal.ts';
import { createVolume } from './volumes.ts';

/** Volumes and project directories of migrations, as helpers read and fill them. */
export interface Places {
  residences: Residences;
  /** See `Engine.standBy`. */
  standBy(side: Side, places: StandbyPlaces, migrationId: string): Promise<void>;
  release(migrationId: string): Promise<void>;
  /** `live`: a file may change, or go, as it is read. */
  pack(mount: Carried, migrationId: string, live?: boolean): TarSource;
  measure(mount: Carried, migrationId: string): Promise<MeasuredTree>;
  manifest(mount: Carried, migrationId: string, contents?: boolean): Promise<Manifest>;
  fillVolume(spec: StackVolume, migrationId: string): TarSink;
  /** Refuses a directory where anything is that this migration did not make. */
  fillDirectory(directory: string, migrationId: string): TarSink;
  /** Makes the volume anew, unless nothing was put into it yet. */
  emptyVolume(spec: StackVolume, migrationId: string): Promise<void>;
  /** The same for a directory, which is there and this migration's afterwards. */
  emptyDirectory(directory: string, migrationId: string): Promise<void>;
}

export function createPlaces(place: HelperPlace, placed: PlacedDirectories): Places {
  const { api } = place;
  const residences = createResidences(place);
  const empty = createEmptyPlaces();

  const emptied = async (mount: Carried, migrationId: string, makeAnew: () => Promise<void>) => {
    if (empty.take(mount, migrationId)) return;
    await residences.vacate(mount, migrationId);
    await makeAnew();
  };
  const fill = (mount: Carried, migrationId: string, signal: AbortSignal) =>
    unpack(residences.placeOf(mount, migrationId), mount, migrationId, signal);
  const emptyVolume = (spec: StackVolume, migrationId: string) =>
    // Removals of attributes on directories do not travel in a tar, so a whole resend needs a new volume.
    emptied({ volume: spec.name }, migrationId, async () => {
      await removeVolume(place, spec.name, migrationId);
      await createVolume(api, spec, migrationId);
    });

  const emptyDirectory = (directory: string, migrationId: string) =>
    emptied({ directory }, migrationId, () => placed.empty(directory, migrationId));

  return {
    residences,
    async standBy(side, { volumes, directory }, migrationId) {
      if (side === 'target') await placed.claim(directory, migrationId);
      const mounts: Carried[] = [...volumes.map((volume) => ({ volume })), { directory }];
      if (side === 'target') for (const mount of mounts) empty.add(mount, migrationId);
      const { lanesAtOnceMax, residentsMax } = limits.agent;
      await eachOf(mounts.slice(-residentsMax), lanesAtOnceMax, (mount) => residences.open(mount, migrationId, side));
    },
    async release(migrationId) {
      empty.forget(migrationId);
      await residences.release(migrationId);
    },
    pack: (mount, migrationId, live) => packer(() => residences.placeOf(mount, migrationId), mount, migrationId, live),
    measure: (mount, migrationId) => measure(residences.placeOf(mount, migrationId), mount, migrationId),
    manifest: (mount, migrationId, contents) =>
      manifestOf(residences.placeOf(mount, migrationId), mount, migrationId, contents),
    fillVolume: (spec, migrationId) => ({
      open: (signal) => fill({ volume: spec.name }, migrationId, signal),
      reset: () => emptyVolume(spec, migrationId),
    }),
    fillDirectory: (directory, migrationId) => ({
      async open(signal) {
        await placed.claim(directory, migrationId);
        return fill({ directory }, migrationId, signal);
      },
      reset: () => emptyDirectory(directory, migrationId),
    }),
    emptyVolume,
    async emptyDirectory(directory, migrationId) {
      await emptyDirectory(directory, migrationId);
      await placed.claim(directory, migrationId);
    },
  };
}
