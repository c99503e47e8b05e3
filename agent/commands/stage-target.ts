import type { CommandHandler } from './context.ts';
import { createRecorded } from './created-stack.ts';
import { receiveDirectory, stagedLane } from './project-lane.ts';

/**
 * What of a start can be done while the stack still runs at home: its files here, judged, its containers made. They stay
 * as they are until `deploy`, which comes with a lease; with this migration's clean-up they go.
 */
export const stageTarget: CommandHandler<'stage_target'> = async ({ deployment, peer }, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  const { project, target_dir } = deployment;
  const proof = await receiveDirectory(stagedLane, { project, peer, target_dir }, true, context);
  const key = { migration_id: migrationId, project, role: 'target' } as const;
  await ledger.update(key, (entry) => {
    entry.deployment = deployment;
    entry.deployed = true;
  });
  const judged = await engine.assertAllowed?.(deployment, signal);
  await Promise.all([createRecorded(key, deployment, context, signal), lease.standBy()]);
  await ledger.update(key, (entry) => {
    entry.staged = { containers: entry.created.containers, plain: judged?.plain ?? false };
  });
  return { proof };
};
