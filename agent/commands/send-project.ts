import { StackferryError } from '../../schema/errors.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { onlyProof, projectLane } from './project-lane.ts';
import { assertSourceAtRest } from './source-at-rest.ts';

/** Sends the project directory: compose files, `.env`, and the bind mounts that lie inside. */
export const sendProject: CommandHandler<'send_project'> = async ({ project, peer, source_dir }, context) => {
  const { engine, migrationId, signal } = context;
  // Whoever controls the control plane must not get any other directory of this host by naming it.
  const stacks = await engine.stacks();
  if (!stacks.some((stack) => stack.project === project && stack.working_dir === source_dir))
    throw new StackferryError('policy_refused', `${source_dir} is not the directory of the stack "${project}".`);
  const proofs = await carryProvenLanes(
    { migration_id: migrationId, project, role: 'source' },
    [
      {
        lane: projectLane,
        total: null,
        carry: (onProgress) =>
          context.lanes.send({
            migrationId,
            peer,
            lane: projectLane,
            source: engine.packProject(source_dir, project, migrationId),
            onProgress,
            signal,
          }),
        manifest: () => engine.manifestProject(source_dir, project, migrationId),
      },
    ],
    context,
  );
  await assertSourceAtRest(project, context);
  return { proof: onlyProof(proofs) };
};
