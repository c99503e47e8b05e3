import { changesLane, wholeProjectLane } from '../../../schema/commands/parts.ts';
import { assertMadeDirectory } from '../prepare/made-volume.ts';
import { unstage } from '../prepare/staged.ts';
import type { CommandHandler } from '../runner/context.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import { contentsOf } from './contents-of.ts';
import { onlyProof, receiveDirectory } from './project-lane.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Receives the whole project directory, replacing an earlier copy, or only the changes since the pre-copy. */
export const receiveProject: CommandHandler<'receive_project'> = async (payload, context) => {
  const { project, peer, target_dir, changes } = payload;
  const { engine, lanes, migrationId } = context;
  await unstage(context);
  if (!changes) return { proof: await receiveDirectory(wholeProjectLane, payload, null, context) };
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
        tree: { directory: target_dir },
        contents: contentsOf(changes),
      },
    ],
    context,
  );
  return { proof: onlyProof(proofs) };
};
