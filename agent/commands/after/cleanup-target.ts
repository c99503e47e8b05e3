import { StackferryError } from '../../../schema/errors.ts';
import { become, tenancyOf } from '../../tenancy.ts';
import { oneOffsOf } from '../cutover/data-users.ts';
import { stopLeased } from '../cutover/stop-leased.ts';
import type { CommandHandler } from '../runner/context.ts';

/** Removes what this migration created here, by recorded ids only (Invariant 5). Idempotent. */
export const cleanupTarget: CommandHandler<'cleanup_target'> = async (_payload, context) => {
  const { engine, lanes, ledger, lease, migrationId, signal } = context;
  lanes.hangUp(migrationId);
  const entry = ledger.find(migrationId);
  if (!entry) return { removed: [], remaining: [], left_out: [] };
  if (['home', 'retained'].includes(tenancyOf(entry))) {
    throw new StackferryError(
      'stack_running',
      'This migration is completed and the stack lives here: nothing is removed.',
    );
  }
  await stopLeased(migrationId, engine, ledger, signal);
  // A repeat may come days later, so from here on the directory itself decides if its files are this migration's.
  await ledger.amend(migrationId, (draft) => {
    become(draft, 'none');
    Object.assign(draft, { started: false, staged: null });
  });
  await lease.release(migrationId);
  await engine.release?.(migrationId);
  const created = ledger.find(migrationId)?.created ?? entry.created;
  const containers = [...created.containers, ...(await oneOffsOf(entry, engine))];
  const { removed, remaining } = await engine.remove({ ...created, containers }, migrationId);
  await engine.removeNetworks?.(entry.networks, migrationId);
  if (remaining.length === 0)
    await ledger.amend(migrationId, (draft) => {
      draft.networks = [];
      draft.created = { containers: [], networks: [], volumes: [], paths: [] };
      draft.lanes = {};
    });
  return { removed, remaining, left_out: [] };
};
