import { carryLanes } from '../carry/carry-lanes.ts';
import { leavingTree } from '../carry/leaving-tree.ts';
import { assertProjectDirectory, stagedLane } from '../carry/project-lane.ts';
import { releasedOnFailure } from '../carry/released-on-failure.ts';
import type { CommandHandler } from '../runner/context.ts';
import { onlyPassage } from './images-lane.ts';

/** Sends the project directory of the running stack; `send_volumes` checks after the stop if it is still the same. */
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
            context.lanes.send({ ...end, source: engine.pack(leavingTree(source_dir, context), migrationId, true) }),
        },
      ],
      context,
    );
  const passages = await releasedOnFailure(context, carrying);
  return onlyPassage(passages);
};
