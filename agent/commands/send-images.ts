import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { imagesLane, imagesOf, onlyPassage } from './images-lane.ts';

/** Sends images that the target cannot pull. The stack runs on. */
export const sendImages: CommandHandler<'send_images'> = async ({ project, peer, images }, context) => {
  const { engine, migrationId, signal } = context;
  const passages = await carryLanes(
    { migration_id: migrationId, project, role: 'source' },
    [
      {
        lane: imagesLane,
        total: null,
        carry: (onProgress) =>
          context.lanes.send({
            migrationId,
            peer,
            lane: imagesLane,
            source: imagesOf(engine).pack(images),
            onProgress,
            signal,
          }),
      },
    ],
    context,
  );
  return onlyPassage(passages);
};
