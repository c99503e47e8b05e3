import { StackferryError } from '../../schema/errors.ts';
import type { CommandHandler } from './context.ts';
import { oneOffsOf } from './data-users.ts';
import { stopLeased } from './stop-leased.ts';

/** Removes what this migration made here, by recorded ids, nothing else (Invariant 5). Safe to repeat. */
export const cleanupTarget: CommandHandler<'cleanup_target'> = async (_payload, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  const entry = ledger.find(migrationId);
  if (!entry) return { removed: [], remaining: [] };
  if (entry.armed || entry.halted) {
    throw new StackferryError(
      'stack_running',
      'This migration is completed and the stack lives here: nothing is removed.',
    );
  }
  await stopLeased(migrationId, engine, ledger, signal);
  await engine.release?.(migrationId);
  const created = ledger.find(migrationId)?.created ?? entry.created;
  const containers = [...created.containers, ...(await oneOffsOf(entry, engine))];
  const { removed, remaining } = await engine.remove({ ...created, containers }, migrationId);
  if (remaining.length === 0) {
    await ledger.amend(migrationId, (draft) => {
      draft.created = { containers: [], networks: [], volumes: [], paths: [] };
      draft.deployed = false;
      draft.staged = null;
      draft.started = false;
      draft.lanes = {};
      draft.lease = null;
    });
    await lease.release(migrationId);
  }
  return { removed, remaining };
};
