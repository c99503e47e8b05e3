import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { madeVolume } from './made-volume.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Applies the passes over the running stack's volumes to those that `prepare_target` made. */
export const warmTarget: CommandHandler<'warm_target'> = async ({ project, peer, items }, context) => {
  const { engine, migrationId } = context;
  const warm = warmCopiesOf(engine);
  const passages = await carryLanes(
    { project, role: 'target', peer },
    items.map(({ lane, volume }) => ({
      lane,
      total: null,
      carry: async (end) => {
        const sink = warm.target(madeVolume(volume, context), migrationId).passes;
        return context.lanes.receive({ ...end, sink });
      },
    })),
    context,
  );
  return { passages };
};
