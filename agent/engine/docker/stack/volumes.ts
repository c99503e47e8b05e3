import { z } from 'zod';
import { StackferryError } from '../../../../schema/errors.ts';
import type { StackVolume } from '../../../../schema/facts.ts';
import { hasMountOptions } from '../../../../schema/option-mounts.ts';
import { type DockerApi, filters, nothing } from '../api.ts';
import { composeLabels, migrationLabel } from '../labels.ts';

export const volumeAnswer = z.object({
  Name: z.string(),
  Driver: z.string(),
  Labels: z
    .record(z.string(), z.string())
    .nullish()
    .transform((labels) => labels ?? {}),
  Options: z
    .record(z.string(), z.string())
    .nullish()
    .transform((options) => options ?? {}),
  Mountpoint: z.string(),
});

export type Volume = z.infer<typeof volumeAnswer>;

export const findVolume = (api: DockerApi, name: string) =>
  api.find(`/volumes/${encodeURIComponent(name)}`, volumeAnswer);

export async function listVolumes(api: DockerApi, label?: string): Promise<Volume[]> {
  const answer = z.object({ Volumes: z.array(volumeAnswer).nullish() });
  const { Volumes } = await api.get(`/volumes${label ? `?${filters({ label: [label] })}` : ''}`, answer);
  return Volumes ?? [];
}

/** Finds those of the volumes that exist. */
export async function findVolumes(api: DockerApi, names: string[]): Promise<Volume[]> {
  const found = await Promise.all(names.map((name) => findVolume(api, name)));
  return found.filter((volume) => volume !== null);
}

/** True for the name that the Engine gives to a volume without one. */
export const isAnonymousName = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

/** True for a plain directory on this host's disk: neither a remote driver's volume nor a mount by options. */
export const isPlain = ({ Driver, Options }: Pick<Volume, 'Driver' | 'Options'>): boolean =>
  Driver === 'local' && !hasMountOptions(Options);

/**
 * Creates an empty volume with the source's driver, options and labels. The Engine answers "created" for an existing
 * name, so existence is checked before, and the label afterwards. Throws `resource_taken`, `policy_refused`.
 */
export async function createVolume(api: DockerApi, spec: StackVolume, migrationId: string): Promise<void> {
  // The pre-flight reports these as unmovable; created here, they could mount the host's own directories.
  if (!isPlain({ Driver: spec.driver, Options: spec.options }))
    throw new StackferryError(
      'policy_refused',
      `Volume "${spec.name}" would be a mount of its own; that is never made.`,
    );
  await makeVolume(api, spec, migrationId);
}

/** The same, whatever its options: the caller has judged them. */
export async function makeVolume(api: DockerApi, spec: StackVolume, migrationId: string): Promise<void> {
  const existing = await findVolume(api, spec.name);
  if (existing && existing.Labels[migrationLabel] !== migrationId) throw taken(spec.name);
  if (existing) return;
  // A newer Compose offers to delete a volume with an unexpected config hash.
  const { [composeLabels.configHash]: _, ...labels } = spec.labels;
  await api.post(
    '/volumes/create',
    {
      Name: spec.name,
      Driver: spec.driver,
      DriverOpts: spec.options,
      Labels: { ...labels, [migrationLabel]: migrationId },
    },
    nothing,
  );
  await assertMadeVolume(api, spec.name, migrationId);
}

/** Throws `resource_taken` if the volume is gone, or another's by that name. */
export async function assertMadeVolume(api: DockerApi, name: string, migrationId: string): Promise<void> {
  const found = await findVolume(api, name);
  if (found?.Labels[migrationLabel] !== migrationId) throw taken(name);
}

function taken(name: string): StackferryError {
  return new StackferryError(
    'resource_taken',
    `The volume "${name}" that is here, if any, was not made by this migration.`,
  );
}
