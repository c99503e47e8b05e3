import type { CommandHandler } from './context.ts';
import { forgetImages, putBack } from './put-back.ts';

/** The stack runs at home again, the same containers as before. */
export const restoreSource: CommandHandler<'restore_source'> = async ({ project, deployment }, context) => {
  const running = await putBack(project, deployment, context);
  await context.engine.release?.(context.migrationId);
  await forgetImages(context);
  await context.ledger.amend(context.migrationId, (entry) => {
    // Nothing is left to put back: a repeat of this only looks.
    entry.prior = null;
    entry.stopped = null;
    entry.retained = false;
  });
  return running;
};
