import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { assertProjectDirectory, onlyProof, projectLane } from './project-lane.ts';
import { assertSourceAtRest } from './source-at-rest.ts';

/** Sends the project directory: compose files, `.env`, and the bind mounts that lie inside. */
export const sendProject: CommandHandler<'send_project'> = async ({ project, peer, source_dir }, context) => {
  const { engine, migrationId } = context;
  await assertProjectDirectory(project, source_dir, context);
  const proofs = await carryProvenLanes(
    { project, role: 'source', peer },
    [
      {
        lane: projectLane,
        total: null,
        carry: (end) => context.lanes.send({ ...end, source: engine.packProject(source_dir, project, migrationId) }),
        manifest: () => engine.manifestProject(source_dir, project, migrationId),
      },
    ],
    context,
  );
  await assertSourceAtRest(project, context);
  return { proof: onlyProof(proofs) };
};
