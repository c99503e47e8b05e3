import { StackferryError } from '../../schema/errors.ts';
import type { CommandHandler } from './context.ts';

/**
 * The migration is completed: this is the stack's home. Recorded first, so that a lease which lapses in this very
 * moment no longer stops anything; what an earlier lapse stopped is started again.
 */
export const armTarget: CommandHandler<'arm_target'> = async ({ deployment }, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  const entry = ledger.find(migrationId);
  if (!entry?.deployed)
    throw new StackferryError('command_failed', 'This migration has deployed nothing on this host.');
  await ledger.amend(migrationId, (draft) => {
    draft.armed = true;
    draft.started = true;
    draft.lease = null;
  });
  await lease.release(migrationId);
  await engine.arm(deployment, entry.created.containers, signal);
  return {};
};
