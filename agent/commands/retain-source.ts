import type { CommandHandler } from './context.ts';

/** What is here is the retained copy from now on. It was disarmed at the stop, and stays so. */
export const retainSource: CommandHandler<'retain_source'> = async ({ project }, { engine, ledger, migrationId }) => {
  await ledger.update({ migration_id: migrationId, project, role: 'source' }, (entry) => {
    entry.retained = true;
  });
  await engine.release?.(migrationId);
  return {};
};
