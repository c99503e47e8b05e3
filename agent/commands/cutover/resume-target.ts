import { become } from '../../tenancy.ts';
import type { CommandHandler } from '../runner/context.ts';
import { forgetImages, putBack } from './put-back.ts';

/** Keeps the stack here after a failed rollback. Until it runs again it counts as halted: this may have to be repeated. */
export const resumeTarget: CommandHandler<'resume_target'> = async ({ project }, context) => {
  const { ledger, lease, migrationId } = context;
  await lease.release(migrationId);
  const running = await putBack(project, ledger.find(migrationId)?.deployment ?? null, context);
  await forgetImages(context);
  await ledger.amend(migrationId, (entry) => {
    become(entry, 'home');
    Object.assign(entry, { prior: null, stopped: null, killed: [] });
  });
  return running;
};
