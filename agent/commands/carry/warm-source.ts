import { warmProjectLane } from '../../../schema/commands/parts.ts';
import { isPath } from '../../engine/tree.ts';
import type { CommandHandler } from '../runner/context.ts';
import { carryLanes } from './carry-lanes.ts';
import { learnContents } from './learn-contents.ts';
import { leavingTree } from './leaving-tree.ts';
import { assertProjectDirectory } from './project-lane.ts';
import { releasedOnFailure } from './released-on-failure.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/**
 * Runs pre-copy passes over each volume of the running stack, and over a large project directory. What the passes
 * remember keeps the copy after the stop short.
 */
export const warmSource: CommandHandler<'warm_source'> = async (payload, context) => {
  const { project, peer, items, blocks, source_dir, contents } = payload;
  const { engine, ledger, migrationId } = context;
  const sizes = ledger.find(migrationId)?.sizes ?? {};
  const warm = warmCopiesOf(engine);
  if (source_dir !== null) await assertProjectDirectory(project, source_dir, context);
  await engine.assertBindMounts(project, items.map(({ volume }) => volume).filter(isPath));
  const trees = [
    ...items.map(({ lane, volume }) => ({ lane, tree: leavingTree(volume, context), total: sizes[volume] ?? null })),
    ...(source_dir === null ? [] : [{ lane: warmProjectLane, tree: leavingTree(source_dir, context), total: null }]),
  ];
  const carrying = () =>
    carryLanes(
      { project, role: 'source', peer },
      trees.map(({ lane, tree, total }) => ({
        lane,
        total,
        carry: async (end) => {
          const copy = await warm.source(tree, migrationId, blocks);
          const passed = await context.lanes.send({ ...end, source: copy.passes });
          copy.arrived();
          await learnContents(tree, contents, true, context, end.signal);
          return passed;
        },
      })),
      context,
    );
  const passages = await releasedOnFailure(context, carrying);
  const passes = items.map(async ({ volume }) => {
    const report = (await warm.source(leavingTree(volume, context), migrationId, blocks)).report();
    return { volume, bytes: report.map(({ bytes }) => bytes), ms: report.map(({ ms }) => Math.round(ms)) };
  });
  return { passages, passes: await Promise.all(passes) };
};
