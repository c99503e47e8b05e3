import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { syncDirectory, writeFileAtomically } from '../../../node/atomic-file.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { StackVolume } from '../../../schema/facts.ts';
import type { HostRoot } from './host-root.ts';

const volumeRecord = z.object({
  name: z.string(),
  driver: z.string(),
  options: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  /** The migration that created it; null if `up` did. */
  migration_id: z.string().nullable(),
});
export type VolumeRecord = z.infer<typeof volumeRecord>;

export const projectLabel = 'com.docker.compose.project';

/** Directory of a volume's contents. */
export function dataOf(host: HostRoot, name: string): string {
  return join(directoryOf(host, name), '_data');
}

export async function findVolume(host: HostRoot, name: string): Promise<VolumeRecord | null> {
  const text = await readFile(join(directoryOf(host, name), 'volume.json'), 'utf8').catch(absent);
  return text === null ? null : volumeRecord.parse(JSON.parse(text));
}

export async function allVolumes(host: HostRoot): Promise<VolumeRecord[]> {
  const names = await readdir(host.volumes);
  const found = await Promise.all(names.sort().map((name) => findVolume(host, name)));
  return found.filter((volume) => volume !== null);
}

/** Creates an empty volume. Keeps one that this migration created before; any other throws `resource_taken`. */
export async function makeVolume(
  host: HostRoot,
  spec: Pick<StackVolume, 'name' | 'driver' | 'options' | 'labels'>,
  migrationId: string | null,
): Promise<void> {
  const existing = await findVolume(host, spec.name);
  if (existing && (existing.migration_id !== migrationId || migrationId === null)) {
    throw new StackferryError('resource_taken', `A volume named "${spec.name}" exists on this host and is left alone.`);
  }
  const directory = directoryOf(host, spec.name);
  await mkdir(dataOf(host, spec.name), { recursive: true });
  if (existing) return;
  const { name, driver, options, labels } = spec;
  const record: VolumeRecord = { name, driver, options, labels, migration_id: migrationId };
  await writeFileAtomically(join(directory, 'volume.json'), `${JSON.stringify(record)}\n`);
  await syncDirectory(host.volumes);
}

/** Throws `resource_taken` unless this migration created the volume. */
export async function assertMadeBy(host: HostRoot, name: string, migrationId: string): Promise<void> {
  const volume = await findVolume(host, name);
  if (volume?.migration_id === migrationId) return;
  throw new StackferryError('resource_taken', `The volume "${name}" was not made by this migration and is left alone.`);
}

/** Empties a volume that this migration created. */
export async function emptyVolume(host: HostRoot, name: string, migrationId: string): Promise<void> {
  await assertMadeBy(host, name, migrationId);
  await rm(dataOf(host, name), { recursive: true, force: true });
  await mkdir(dataOf(host, name));
}

/** Removes the record last: a half-removed volume is still known as this migration's. */
export async function dropVolume(host: HostRoot, name: string): Promise<void> {
  await rm(dataOf(host, name), { recursive: true, force: true });
  await rm(directoryOf(host, name), { recursive: true, force: true });
}

function directoryOf(host: HostRoot, name: string): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    throw new StackferryError('invalid_request', `Not a volume name: ${JSON.stringify(name.slice(0, 80))}`);
  }
  return join(host.volumes, name);
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
