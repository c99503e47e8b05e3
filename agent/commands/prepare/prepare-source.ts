import { isPath, treeOf } from '../../engine/engine.ts';
import { assertProjectDirectory } from '../carry/project-lane.ts';
import { releasedOnFailure } from '../carry/released-on-failure.ts';
import type { CommandHandler } from '../runner/context.ts';
import { assertNotKeptCopy } from './kept-copy.ts';

/** Measures the data and starts the helpers. The stack keeps running. */
export const prepareSource: CommandHandler<'prepare_source'> = async (payload, context) => {
  const { project, source_dir, volumes, binds } = payload;
  const { engine, ledger, migrationId, paths, signal } = context;
  await assertProjectDirectory(project, source_dir, context);
  await engine.assertBindMounts(project, binds);
  await assertNotKeptCopy(project, context);
  const sizes: { volume: string; bytes: number }[] = [];
  const marks: Record<string, string> = {};
  await releasedOnFailure(context, async () => {
    const data = { project, volumes, directory: source_dir, binds };
    await engine.assertCarriable?.(data, migrationId, signal);
    await engine.standBy?.('source', data, migrationId);
    for (const volume of [...volumes, ...binds]) {
      signal.throwIfAborted();
      const { bytes, mark } = await engine.measure(treeOf(volume), migrationId);
      sizes.push({ volume, bytes });
      const own = isPath(volume) ? await paths.mark(await paths.real(volume)) : mark;
      if (own !== null) marks[volume] = own;
    }
  });
  await ledger.update({ migration_id: migrationId, project, role: 'source' }, (entry) => {
    entry.sizes = Object.fromEntries(sizes.map(({ volume, bytes }) => [volume, bytes]));
    entry.marks = marks;
    entry.data = { volumes, directory: source_dir, binds };
  });
  return { sizes };
};
