import { warmProjectLane } from '../../schema/agent-protocol.ts';
import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { assertMadeDirectory, madeVolume } from './made-volume.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Applies the passes over the running stack's volumes, and over its directory, to those that `prepare_target` made. */
export const warmTarget: CommandHandler<'warm_target'> = async ({ project, peer, items, target_dir }, context) => {
  const { engine, migrationId } = context;
  const warm = warmCopiesOf(engine);
  if (target_dir !== null) assertMadeDirectory(target_dir, context);
  const trees = [
    ...items.map(({ lane, volume }) => ({
      lane,
      target: () => warm.target(madeVolume(volume, context), migrationId),
    })),
    ...(target_dir === null
      ? []
      : [{ lane: warmProjectLane, target: () => warm.targetDirectory(target_dir, migrationId) }]),
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
