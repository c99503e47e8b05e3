import { warmProjectLane } from '../../../schema/commands.ts';
import { assertMadeDirectory } from '../prepare/made-volume.ts';
import type { CommandHandler } from '../runner/context.ts';
import { carryLanes } from './carry-lanes.ts';
import { warmTargetOf } from './made-trees.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Applies the pre-copy passes to the volumes and the directory that `prepare_target` created. */
export const warmTarget: CommandHandler<'warm_target'> = async ({ project, peer, items, target_dir }, context) => {
  const { engine, migrationId } = context;
  if (target_dir !== null) assertMadeDirectory(target_dir, context);
  const trees = [
    ...items.map(({ lane, volume }) => ({
      lane,
      target: () => warmTargetOf(volume, context),
    })),
    ...(target_dir === null
      ? []
      : [{ lane: warmProjectLane, target: () => warmCopiesOf(engine).targetDirectory(target_dir, migrationId) }]),
  ];
  const passages = await carryLanes(
    { project, role: 'target', peer },
    trees.map(({ lane, target }) => ({
      lane,
      total: null,
      carry: async (end) => context.lanes.receive({ ...end, sink: target().passes }),
    })),
    context,
  );
  return { passages };
};
