import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { imagesLane, imagesOf, onlyPassage } from './images-lane.ts';

/** Loads the images that the source sends. They stay, as pulled ones would: other stacks may come to use them. */
export const receiveImages: CommandHandler<'receive_images'> = async ({ project, peer, images }, context) => {
  const { engine, migrationId, signal } = context;
  const passages = await carryLanes(
    { migration_id: migrationId, project, role: 'target' },
    [
      {
        lane: imagesLane,
        total: null,
        carry: (onProgress) =>
          context.lanes.receive({
            migrationId,
            peer,
            lane: imagesLane,
            sink: imagesOf(engine).unpack(images),
            onProgress,
            signal,
          }),
      },
    ],
    context,
  );
  return onlyPassage(passages);
};
