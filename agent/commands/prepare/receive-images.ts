import { carryLanes } from '../carry/carry-lanes.ts';
import type { CommandHandler } from '../runner/context.ts';
import { imagesLane, imagesOf, onlyPassage } from './images-lane.ts';

/** Loads the images that the source sends. Never cleaned up, like pulled ones: other stacks may use them. */
export const receiveImages: CommandHandler<'receive_images'> = async ({ project, peer, images }, context) => {
  const { engine } = context;
  const passages = await carryLanes(
    { project, role: 'target', peer },
    [
      {
        lane: imagesLane,
        total: null,
        carry: (end) => context.lanes.receive({ ...end, sink: imagesOf(engine).unpack(images) }),
      },
    ],
    context,
  );
  return onlyPassage(passages);
};
