import { errorCodeOf } from '../../../schema/errors.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import type { CommandContext } from '../runner/context.ts';

/**
 * Records a volume or directory before `make` creates it, so that a cleanup always knows of it. If it belongs to
 * somebody else (`resource_taken`, `policy_refused`), removes it from the record: a cleanup must not delete it
 * (Invariant 5), and nothing may be unpacked into it. `known`: an
 * earlier run of this migration recorded it.
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
    const code = errorCodeOf(error);
    if (code === 'resource_taken' || (code === 'policy_refused' && !known)) {
      await ledger.update(key, ({ created }) => {
        created[kind] = created[kind].filter((other) => other !== name);
      });
    }
    throw error;
  }
}
