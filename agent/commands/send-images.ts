import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { imagesLane, imagesOf, onlyPassage } from './images-lane.ts';

/** Sends images that the target cannot pull. The stack runs on. */
export const sendImages: CommandHandler<'send_images'> = async ({ project, peer, images }, context) => {
  const { engine } = context;
  const passages = await carryLanes(
    { project, role: 'source', peer },
    [
      {
        lane: imagesLane,
        total: null,
        carry: (end) => context.lanes.send({ ...end, source: imagesOf(engine).pack(images) }),
      },
    ],
    context,
  );
  return onlyPassage(passages);
};
