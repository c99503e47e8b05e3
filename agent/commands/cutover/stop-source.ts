import { become, isLeased } from '../../tenancy.ts';
import { rememberWriters } from '../after/written-since.ts';
import type { CommandHandler } from '../runner/context.ts';
import { recordRest } from './rest.ts';
import { stopLeased } from './stop-leased.ts';

/** Stops what a failed rollback started here, the retained copy again. Returns only once none of it runs. */
export const stopSource: CommandHandler<'stop_source'> = async (_payload, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  await stopLeased(migrationId, engine, ledger, signal);
  const entry = ledger.find(migrationId);
  if (entry && isLeased(entry)) await rememberWriters(context);
  await ledger.amend(migrationId, (draft) => {
    become(draft, 'retained');
    draft.started = false;
  });
  await lease.release(migrationId);
  await recordRest(migrationId, context);
  return {};
};
