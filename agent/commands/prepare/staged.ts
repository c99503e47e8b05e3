import type { LedgerEntry } from '../../migration-ledger.ts';
import type { CommandContext } from '../runner/context.ts';

/** Returns the staged containers, null if any of them is gone. */
export async function stagedHere({ engine, ledger, migrationId }: CommandContext): Promise<LedgerEntry['staged']> {
  const staged = ledger.find(migrationId)?.staged;
  if (!staged) return null;
  const there = await engine.inspectContainers(staged.containers);
  return there.length === staged.containers.length ? staged : null;
}

/** Removes the staged containers, because the files or volumes they were created from are about to be replaced. */
export async function unstage({ engine, ledger, migrationId }: CommandContext): Promise<void> {
  const staged = ledger.find(migrationId)?.staged;
  if (!staged) return;
  await engine.discard?.(staged.containers);
  await ledger.amend(migrationId, (entry) => {
    entry.staged = null;
    entry.created.containers = entry.created.containers.filter((id) => !staged.containers.includes(id));
  });
}
