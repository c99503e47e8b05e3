import type { CommandHandler } from './context.ts';
import { stopLeased } from './stop-leased.ts';

/** A rollback failed: answered only when nothing that it started here runs. What is here is the retained copy again. */
export const stopSource: CommandHandler<'stop_source'> = async (_payload, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  await stopLeased(migrationId, engine, ledger, signal);
  await ledger.amend(migrationId, (entry) => {
    Object.assign(entry, { revived: false, started: false, retained: true, lease: null });
  });
  await lease.release(migrationId);
  return {};
};
