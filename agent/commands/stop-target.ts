import type { CommandHandler } from './context.ts';
import { stopLeased } from './stop-leased.ts';

/** Answered only when nothing that this migration made here runs: on the strength of it the source starts. */
export const stopTarget: CommandHandler<'stop_target'> = async (_payload, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  if (!ledger.find(migrationId)) return {};
  await stopLeased(migrationId, engine, ledger, signal);
  await ledger.amend(migrationId, (entry) => {
    Object.assign(entry, { deployed: false, started: false, armed: false, lease: null });
  });
  await lease.release(migrationId);
  return {};
};
