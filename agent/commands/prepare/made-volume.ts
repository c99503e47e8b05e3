import { StackferryError } from '../../../schema/errors.ts';
import type { StackVolume } from '../../../schema/facts.ts';
import type { CommandContext } from '../runner/context.ts';

/** Returns a volume's spec. Throws if this migration did not create it: nothing may be unpacked into it. */
export function madeVolume(name: string, { ledger, migrationId }: CommandContext): StackVolume {
  const entry = ledger.find(migrationId);
  const spec = entry?.volumes.find((volume) => volume.name === name);
  if (spec && entry?.created.volumes.includes(name)) return spec;
  throw new StackferryError(
    'command_failed',
    `The volume "${name}" was not created by this migration, so nothing may be unpacked into it.`,
  );
}

/** Throws if this migration did not create the directory: nothing may be unpacked into it, or started from it. */
export function assertMadeDirectory(directory: string, { ledger, migrationId }: CommandContext): void {
  if (ledger.find(migrationId)?.created.paths.includes(directory)) return;
  throw new StackferryError('resource_taken', `${directory} was not created by this migration.`);
}
