import { StackferryError } from '../../schema/errors.ts';
import type { StackVolume } from '../../schema/facts.ts';
import type { CommandContext } from './context.ts';

/** The volume as `prepare_target` was told to make it. Throws where this migration did not make it: nothing may be put there. */
export function madeVolume(name: string, { ledger, migrationId }: CommandContext): StackVolume {
  const entry = ledger.find(migrationId);
  const spec = entry?.volumes.find((volume) => volume.name === name);
  if (spec && entry?.created.volumes.includes(name)) return spec;
  throw new StackferryError(
    'command_failed',
    `The volume "${name}" was not made by this migration, so nothing may be unpacked into it.`,
  );
}

/** Throws where this migration did not make the directory: nothing may be unpacked into it, or started from it. */
export function assertMadeDirectory(directory: string, { ledger, migrationId }: CommandContext): void {
  if (ledger.find(migrationId)?.created.paths.includes(directory)) return;
  throw new StackferryError('resource_taken', `${directory} was not put here by this migration.`);
}
