import { treeOf } from '../../engine/tree.ts';
import { become } from '../../tenancy.ts';
import { receiveDirectory, stagedContents, stagedLane } from '../carry/project-lane.ts';
import { senderOf } from '../carry/sender.ts';
import { createRecorded } from '../cutover/created-stack.ts';
import type { CommandHandler } from '../runner/context.ts';

/**
 * Prepares the start while the stack still runs on the source: receives its files, checks them against the policy,
 * creates its containers. They wait for `deploy`, which comes with a lease, and are removed with this migration's
 * cleanup.
 */
export const stageTarget: CommandHandler<'stage_target'> = async ({ deployment, peer }, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  const { project, target_dir } = deployment;
  const proof = await receiveDirectory(stagedLane, { project, peer, target_dir }, stagedContents, context);
  const key = { migration_id: migrationId, project, role: 'target' } as const;
  const received = await ledger.update(key, (entry) => {
    entry.deployment = deployment;
    become(entry, 'leased');
  });
  const judged = await engine.assertAllowed?.(deployment, senderOf(received, project), signal);
  await Promise.all([createRecorded(key, deployment, context, signal), lease.standBy()]);
  await ledger.update(key, (entry) => {
    entry.staged = { containers: entry.created.containers, plain: judged?.plain ?? false };
  });
  // With what Stackferry wrote beside the files, and what the creation made.
  const left = await engine.manifest(treeOf(target_dir), migrationId, stagedContents, signal);
  return { proof, left };
};
