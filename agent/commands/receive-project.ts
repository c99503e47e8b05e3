import { errorCodeOf } from '../../schema/errors.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { onlyProof, projectLane } from './project-lane.ts';

/**
 * Receives the project directory to a place where nothing was. The place is recorded before it is made; the engine
 * refuses one that exists and is not this migration's own.
 */
export const receiveProject: CommandHandler<'receive_project'> = async ({ project, peer, target_dir }, context) => {
  const { engine, ledger, migrationId } = context;
  const key = { migration_id: migrationId, project, role: 'target' } as const;
  const sink = engine.unpackProject(target_dir, project, migrationId);
  const proofs = await carryProvenLanes(
    { project, role: 'target', peer },
    [
      {
        lane: projectLane,
        total: null,
        carry: async (end) => {
          const known = ledger.find(migrationId)?.created.paths.includes(target_dir) ?? false;
          if (known) await sink.reset();
          else await ledger.update(key, ({ created }) => void created.paths.push(target_dir));
          try {
            return await context.lanes.receive({ ...end, sink });
          } catch (error) {
            // Somebody else's directory: it must not be on the list of what a clean-up removes (Invariant 5).
            if (!known && errorCodeOf(error) === 'resource_taken') {
              await ledger.update(key, ({ created }) => {
                created.paths = created.paths.filter((path) => path !== target_dir);
              });
            }
            throw error;
          }
        },
        manifest: () => engine.manifestProject(target_dir, project, migrationId),
      },
    ],
    context,
  );
  return { proof: onlyProof(proofs) };
};
