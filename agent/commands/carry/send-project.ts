import { changesLane, wholeProjectLane } from '../../../schema/commands/parts.ts';
import { assertSourceAtRest } from '../cutover/rest.ts';
import type { CommandHandler } from '../runner/context.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import { contentsOf } from './contents-of.ts';
import { leavingTree } from './leaving-tree.ts';
import { assertProjectDirectory, onlyProof } from './project-lane.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Sends the project directory (compose files, `.env`, inner bind mounts), or the changes since the pre-copy. */
export const sendProject: CommandHandler<'send_project'> = async (payload, context) => {
  const { project, peer, source_dir, changes } = payload;
  const { engine, migrationId } = context;
  await assertProjectDirectory(project, source_dir, context);
  const tree = leavingTree(source_dir, context);
  const source = async () =>
    changes
      ? (await warmCopiesOf(engine).source(tree, migrationId, changes.blocks)).rest
      : engine.pack(tree, migrationId);
  const proofs = await carryProvenLanes(
    { project, role: 'source', peer },
    [
      {
        lane: changes ? changesLane : wholeProjectLane,
        total: null,
        carry: async (end) => context.lanes.send({ ...end, source: await source() }),
        tree,
        contents: changes && contentsOf(changes),
      },
    ],
    context,
  );
  await assertSourceAtRest(project, context);
  return { proof: onlyProof(proofs) };
};
