import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { onlyProof, projectLane } from './project-lane.ts';
import { recordedFirst } from './recorded-first.ts';

/**
 * Receives the project directory to a place where nothing was. The place is recorded before it is made; the engine
 * refuses one that exists and is not this migration's own.
 */
export const receiveProject: CommandHandler<'receive_project'> = async ({ project, peer, target_dir }, context) => {
  const { engine, migrationId } = context;
  const key = { migration_id: migrationId, project, role: 'target' } as const;
  const sink = engine.unpackProject(target_dir, project, migrationId);
  const proofs = await carryProvenLanes(
    { project, role: 'target', peer },
    [
      {
        lane: projectLane,
        total: null,
        carry: (end) =>
          recordedFirst(key, 'paths', target_dir, context, async (known) => {
            if (known) await sink.reset();
            return context.lanes.receive({ ...end, sink });
          }),
        manifest: () => engine.manifestProject(target_dir, project, migrationId),
      },
    ],
    context,
  );
  return { proof: onlyProof(proofs) };
};
