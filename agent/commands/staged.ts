import type { CommandContext } from './context.ts';

/** Whether the containers that were made before the stop are all there still. */
export async function isStagedHere({ engine, ledger, migrationId }: CommandContext): Promise<boolean> {
  const staged = ledger.find(migrationId)?.staged;
  if (!staged) return false;
  return (await engine.inspectContainers(staged)).length === staged.length;
}

/** Removes them: what they were made from, or what they use, is about to be made anew. */
export async function unstage({ engine, ledger, migrationId }: CommandContext): Promise<void> {
  const staged = ledger.find(migrationId)?.staged;
  if (!staged) return;
  await engine.discard?.(staged);
  await ledger.amend(migrationId, (entry) => {
    entry.staged = null;
    entry.created.containers = entry.created.containers.filter((id) => !staged.includes(id));
  });
}
