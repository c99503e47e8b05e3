import { carryLanes } from '../carry/carry-lanes.ts';
import type { CommandHandler } from '../runner/context.ts';
import { imagesLane, imagesOf, onlyPassage } from './images-lane.ts';

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
