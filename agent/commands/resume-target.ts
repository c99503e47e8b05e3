import type { CommandHandler } from './context.ts';
import { forgetImages, putBack } from './put-back.ts';

/** A rollback failed: the stack goes on here. Recorded first, so that no lease of old stops what is being started. */
export const resumeTarget: CommandHandler<'resume_target'> = async ({ project }, context) => {
  const { ledger, lease, migrationId } = context;
  await ledger.amend(migrationId, (entry) => {
    Object.assign(entry, { armed: true, halted: false, lease: null });
  });
  await lease.release(migrationId);
  const running = await putBack(project, ledger.find(migrationId)?.deployment ?? null, context);
  await forgetImages(context);
  await ledger.amend(migrationId, (entry) => {
    Object.assign(entry, { prior: null, stopped: null, killed: [] });
  });
  return running;
};
