import { errorCodeOf } from '../../schema/errors.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import type { CommandContext } from './context.ts';

/**
 * Makes a volume or a directory that is recorded before it is there, so that a clean-up always knows of it. What turns out
 * to be somebody else's is taken off the list again: a clean-up must not remove it (Invariant 5). `known`: an earlier run
 * of this migration has recorded it.
 */
export async function recordedFirst<R>(
  key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
  kind: 'volumes' | 'paths',
  name: string,
  { ledger }: CommandContext,
  make: (known: boolean) => Promise<R>,
): Promise<R> {
  const known = ledger.find(key.migration_id)?.created[kind].includes(name) ?? false;
  await ledger.update(key, ({ created }) => {
    if (!known) created[kind].push(name);
  });
  try {
    return await make(known);
  } catch (error) {
    if (errorCodeOf(error) === 'resource_taken') {
      await ledger.update(key, ({ created }) => {
        created[kind] = created[kind].filter((other) => other !== name);
      });
    }
    throw error;
  }
}
