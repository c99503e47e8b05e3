import { become, isLeased } from '../../tenancy.ts';
import { stopSource } from '../cutover/stop-source.ts';
import type { CommandHandler } from '../runner/context.ts';

/**
 * Marks what is here as the retained copy, which stays disarmed since the stop. If a rollback failed while this host
 * was offline, stops what it started here first.
 */
export const retainSource: CommandHandler<'retain_source'> = async (payload, context) => {
  const { engine, ledger, migrationId } = context;
  const entry = ledger.find(migrationId);
  if (entry && isLeased(entry)) await stopSource(payload, context);
  await ledger.update({ migration_id: migrationId, project: payload.project, role: 'source' }, (draft) => {
    become(draft, 'retained');
  });
  await engine.release?.(migrationId);
  return {};
};
