import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { imagesLane, imagesOf, onlyPassage } from './images-lane.ts';

/** Loads the images that the source sends. They stay, as pulled ones would: other stacks may come to use them. */
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
