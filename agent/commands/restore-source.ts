import type { CommandHandler } from './context.ts';
import { putBack } from './put-back.ts';

/** The stack runs at home again, the same containers as before. */
export const restoreSource: CommandHandler<'restore_source'> = async ({ project }, context) => {
  const running = await putBack(project, context);
  await context.engine.release?.(context.migrationId);
  await context.ledger.amend(context.migrationId, (entry) => {
    // Nothing is left to put back: a repeat of this only looks.
    entry.prior = null;
    entry.stopped = null;
    entry.retained = false;
  });
  return running;
};
