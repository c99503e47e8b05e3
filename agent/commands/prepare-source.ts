import type { CommandHandler } from './context.ts';
import { assertProjectDirectory } from './project-lane.ts';
import { releasedOnFailure } from './released-on-failure.ts';

/** Measures what will be carried, and has its helpers at hand. The stack runs on; nothing is changed. */
export const prepareSource: CommandHandler<'prepare_source'> = async ({ project, source_dir, volumes }, context) => {
  const { engine, ledger, migrationId, signal } = context;
  await assertProjectDirectory(project, source_dir, context);
  const sizes: { volume: string; bytes: number }[] = [];
  await releasedOnFailure(context, async () => {
    await engine.standBy?.('source', { project, volumes, directory: source_dir }, migrationId);
    for (const volume of volumes) {
      signal.throwIfAborted();
      sizes.push({ volume, bytes: await engine.measureVolume(volume, migrationId) });
    }
  });
  await ledger.update({ migration_id: migrationId, project, role: 'source' }, (entry) => {
    entry.sizes = Object.fromEntries(sizes.map(({ volume, bytes }) => [volume, bytes]));
  });
  return { sizes };
};
