import { eachOf } from '../../../schema/each-of.ts';
import type { LeftOut } from '../../../schema/facts.ts';
import { byPattern } from '../../../schema/left-out.ts';
import { limits } from '../../../schema/limits.ts';
import { isPath, reachIn, treeOf } from '../../engine/tree.ts';
import { assertProjectDirectory } from '../carry/project-lane.ts';
import { releasedOnFailure } from '../carry/released-on-failure.ts';
import type { CommandHandler } from '../runner/context.ts';
import { seenContainers } from '../seen-containers.ts';
import { assertNotKeptCopy } from './kept-copy.ts';

/** Measures the data and starts the helpers. The stack keeps running. */
export const prepareSource: CommandHandler<'prepare_source'> = async (payload, context) => {
  const { project, source_dir, volumes, binds, exclude } = payload;
  const { engine, ledger, migrationId, paths, signal } = context;
  await assertProjectDirectory(project, source_dir, context);
  await engine.assertBindMounts(project, binds);
  await assertNotKeptCopy(project, context);
  const sizes: { volume: string; bytes: number }[] = [];
  const marks: Record<string, string> = {};
  const left: LeftOut[] = [];
  await releasedOnFailure(context, async () => {
    const data = { project, volumes, directory: source_dir, binds, exclude };
    // Both start helpers; what fails is thrown once the other has ended, so that none is left.
    const begin = [
      () => engine.assertCarriable?.(data, migrationId, signal),
      () => engine.standBy?.('source', data, migrationId),
    ];
    await eachOf(begin, begin.length, async (part) => part());
    for (const volume of [...volumes, ...binds]) {
      signal.throwIfAborted();
      const { bytes, mark, left_out = [] } = await engine.measure(treeOf(volume, exclude), migrationId);
      sizes.push({ volume, bytes });
      left.push(...left_out);
      const own = isPath(volume) ? await paths.mark(await paths.real(volume)) : mark;
      if (own !== null) marks[volume] = own;
    }
    const directory = treeOf(source_dir, exclude);
    if (reachIn(directory).length > 0) left.push(...((await engine.measure(directory, migrationId)).left_out ?? []));
  });
  await ledger.update({ migration_id: migrationId, project, role: 'source' }, (entry) => {
    entry.sizes = Object.fromEntries(sizes.map(({ volume, bytes }) => [volume, bytes]));
    entry.marks = marks;
    // What an earlier purge compared was this data without other patterns.
    Object.assign(entry, { purging: [], purging_marks: {}, left_behind: [] });
    entry.data = { volumes, directory: source_dir, binds, exclude };
  });
  const left_out = byPattern(exclude, left, limits.agent.leftOutPathsMax);
  return { sizes, left_out, containers: await seenContainers(project, engine) };
};
