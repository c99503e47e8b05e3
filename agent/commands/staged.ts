import type { LedgerEntry } from '../migration-ledger.ts';
import type { CommandContext } from './context.ts';

/** What was made before the stop; null where not all of it is there still. */
export async function stagedHere({ engine, ledger, migrationId }: CommandContext): Promise<LedgerEntry['staged']> {
  const staged = ledger.find(migrationId)?.staged;
  if (!staged) return null;
  const there = await engine.inspectContainers(staged.containers);
  return there.length === staged.containers.length ? staged : null;
}

/** Removes them: what they were made from, or what they use, is about to be made anew. */
export async function unstage({ engine, ledger, migrationId }: CommandContext): Promise<void> {
  const staged = ledger.find(migrationId)?.staged;
  if (!staged) return;
  await engine.discard?.(staged.containers);
  await ledger.amend(migrationId, (entry) => {
    entry.staged = null;
    entry.created.containers = entry.created.containers.filter((id) => !staged.containers.includes(id));
  });
}
