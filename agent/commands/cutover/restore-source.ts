import { become } from '../../tenancy.ts';
import type { CommandHandler } from '../runner/context.ts';
import { forgetImages, putBack } from './put-back.ts';

/** Restores the stack on the source, with the same containers as before. */
export const restoreSource: CommandHandler<'restore_source'> = async ({ project, deployment }, context) => {
  context.lanes.hangUp(context.migrationId);
  const running = await putBack(project, deployment, context);
  await context.engine.release?.(context.migrationId);
  await forgetImages(context);
  await context.ledger.amend(context.migrationId, (entry) => {
    become(entry, 'home');
    // Nothing is left to restore, so a repeat only reports what runs.
    entry.prior = null;
    entry.stopped = null;
  });
  return running;
};
