import { changesLane } from '../../schema/agent-protocol.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { assertProjectDirectory, onlyProof, projectLane } from './project-lane.ts';
import { assertSourceAtRest } from './source-at-rest.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Sends the project directory (compose files, `.env`, the bind mounts that lie inside), or what changed of it. */
export const sendProject: CommandHandler<'send_project'> = async (payload, context) => {
  const { project, peer, source_dir, changes } = payload;
  const { engine, migrationId } = context;
  await assertProjectDirectory(project, source_dir, context);
  const source = async () =>
    changes
      ? (await warmCopiesOf(engine).source({ directory: source_dir }, migrationId, changes.blocks)).rest
      : engine.packProject(source_dir, project, migrationId);
  const proofs = await carryProvenLanes(
    { project, role: 'source', peer },
    [
      {
        lane: changes ? changesLane : projectLane,
        total: null,
        carry: async (end) => context.lanes.send({ ...end, source: await source() }),
        manifest: () => engine.manifestProject(source_dir, project, migrationId, changes?.contents),
      },
    ],
    context,
  );
  await assertSourceAtRest(project, context);
  return { proof: onlyProof(proofs) };
};
