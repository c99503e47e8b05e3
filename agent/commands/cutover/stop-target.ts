import { become } from '../../tenancy.ts';
import type { CommandHandler } from '../runner/context.ts';
import { stopLeased } from './stop-leased.ts';

/** Returns only once nothing that this migration created here runs: the source starts on that guarantee. */
export const stopTarget: CommandHandler<'stop_target'> = async (_payload, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  if (!ledger.find(migrationId)) return {};
  await stopLeased(migrationId, engine, ledger, signal);
  await ledger.amend(migrationId, (entry) => {
    become(entry, 'none');
    entry.started = false;
  });
  await lease.release(migrationId);
  return {};
};
