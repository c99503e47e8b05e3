import { changesLane } from '../../schema/agent-protocol.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { assertMadeDirectory } from './made-volume.ts';
import { onlyProof, projectLane, receiveDirectory } from './project-lane.ts';
import { unstage } from './staged.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Receives the project directory in place of what may be there of it, or what changed since the passes brought it. */
export const receiveProject: CommandHandler<'receive_project'> = async (payload, context) => {
  const { project, peer, target_dir, changes } = payload;
  const { engine, lanes, migrationId } = context;
  await unstage(context);
  if (!changes) return { proof: await receiveDirectory(projectLane, payload, false, context) };
  assertMadeDirectory(target_dir, context);
  const sink = warmCopiesOf(engine)
    .targetDirectory(target_dir, migrationId)
    .rest(async () => {});
  const proofs = await carryProvenLanes(
    { project, role: 'target', peer },
    [
      {
        lane: changesLane,
        total: null,
        carry: (end) => lanes.receive({ ...end, sink }),
        manifest: () => engine.manifestProject(target_dir, project, migrationId, changes.contents),
      },
    ],
    context,
  );
  return { proof: onlyProof(proofs) };
};
