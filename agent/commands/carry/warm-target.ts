import { warmProjectLane } from '../../../schema/commands/parts.ts';
import { treeOf } from '../../engine/tree.ts';
import { assertMadeDirectory } from '../prepare/made-volume.ts';
import type { CommandHandler } from '../runner/context.ts';
import { carryLanes } from './carry-lanes.ts';
import { learnContents } from './learn-contents.ts';
import { warmTargetOf } from './made-trees.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Applies the pre-copy passes to the volumes and the directory that `prepare_target` created. */
export const warmTarget: CommandHandler<'warm_target'> = async (payload, context) => {
  const { project, peer, items, target_dir, contents } = payload;
  const { engine, migrationId } = context;
  if (target_dir !== null) assertMadeDirectory(target_dir, context);
  const trees = [
    ...items.map(({ lane, volume }) => ({
      lane,
      tree: treeOf(volume),
      target: () => warmTargetOf(volume, context),
    })),
    ...(target_dir === null
      ? []
      : [
          {
            lane: warmProjectLane,
            tree: treeOf(target_dir),
            target: () => warmCopiesOf(engine).targetDirectory(target_dir, migrationId),
          },
        ]),
  ];
  const passages = await carryLanes(
    { project, role: 'target', peer },
    trees.map(({ lane, tree, target }) => ({
      lane,
      total: null,
      carry: async (end) => {
        const passed = await context.lanes.receive({ ...end, sink: target().passes(async () => {}) });
        await learnContents(tree, contents, false, context, end.signal);
        return passed;
      },
    })),
    context,
  );
  return { passages };
};
