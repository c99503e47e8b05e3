import type { CommandHandler } from './context.ts';
import { assertProjectDirectory } from './project-lane.ts';
import { releasedOnFailure } from './released-on-failure.ts';

/** Measures what will be carried, and has its helpers at hand. The stack runs on; nothing is changed. */
export const prepareSource: CommandHandler<'prepare_source'> = async ({ project, source_dir, volumes }, context) => {
  const { engine, ledger, migrationId, signal } = context;
  await assertProjectDirectory(project, source_dir, context);
  const sizes: { volume: string; bytes: number }[] = [];
  const marks: Record<string, string> = {};
  await releasedOnFailure(context, async () => {
    const places = { project, volumes, directory: source_dir };
    await engine.assertCarriable?.(places, migrationId, signal);
    await engine.standBy?.('source', places, migrationId);
    for (const volume of volumes) {
      signal.throwIfAborted();
      const { bytes, mark } = await engine.measureVolume(volume, migrationId);
      sizes.push({ volume, bytes });
      if (mark !== null) marks[volume] = mark;
    }
  });
  await ledger.update({ migration_id: migrationId, project, role: 'source' }, (entry) => {
    entry.sizes = Object.fromEntries(sizes.map(({ volume, bytes }) => [volume, bytes]));
    entry.marks = marks;
    entry.data = { volumes, directory: source_dir };
  });
  return { sizes };
};
