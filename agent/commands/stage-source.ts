import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { onlyPassage } from './images-lane.ts';
import { assertProjectDirectory, stagedLane } from './project-lane.ts';
import { releasedOnFailure } from './released-on-failure.ts';

/** Sends the project directory of the running stack; whether it is still the same at rest is told by `send_volumes`. */
export const stageSource: CommandHandler<'stage_source'> = async ({ project, peer, source_dir }, context) => {
  const { engine, migrationId } = context;
  await assertProjectDirectory(project, source_dir, context);
  const carrying = () =>
    carryLanes(
      { project, role: 'source', peer },
      [
        {
          lane: stagedLane,
          total: null,
          carry: (end) =>
            context.lanes.send({ ...end, source: engine.packProject(source_dir, project, migrationId, true) }),
        },
      ],
      context,
    );
  const passages = await releasedOnFailure(context, carrying);
  return onlyPassage(passages);
};
