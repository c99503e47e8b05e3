import type { Deployment } from '../../../schema/deployment.ts';
import { limits } from '../../../schema/limits.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import { become } from '../../tenancy.ts';
import { senderOf } from '../carry/sender.ts';
import { assertMadeDirectory } from '../prepare/made-volume.ts';
import { stagedHere } from '../prepare/staged.ts';
import type { CommandContext, CommandHandler } from '../runner/context.ts';
import { assertMadeAllowed, createRecorded } from './created-stack.ts';
import { assertNoneBeside } from './data-users.ts';
import { assertVolumesHere } from './volumes-here.ts';

/**
 * Acquires the lease, creates the containers (unless they were staged before the stop) and starts them. The lease comes
 * first and needs a round trip to the control plane, so a late `deploy` of a migration that was rolled back starts
 * nothing. Restart policies stay off until the migration is completed.
 */
export const deploy: CommandHandler<'deploy'> = async ({ deployment }, context) => {
  const { engine, ledger, migrationId } = context;
  assertMadeDirectory(deployment.target_dir, context);
  const key = { migration_id: migrationId, project: deployment.project, role: 'target' } as const;
  const entry = await ledger.update(key, (draft) => {
    draft.deployment = deployment;
    become(draft, 'leased');
  });
  // The guard's process takes as long to start as all that comes before the stack's.
  const guarded = context.lease.standBy();
  guarded.catch(() => {});
  const [lapsed, { staged, judged }] = await Promise.all([
    context.lease.granted(migrationId),
    judge(deployment, entry, context),
    assertNoneBeside(entry, engine, 'The stack was not started here.'),
    assertVolumesHere(context),
  ]);
  const signal = AbortSignal.any([context.signal, lapsed]);

  if (!staged) await createRecorded(key, deployment, context, signal);
  await guarded;
  signal.throwIfAborted();
  const { created } = await ledger.update(key, (draft) => {
    draft.started = true;
  });
  try {
    await engine.startStack(deployment, created.containers, signal, judged?.plain);
    // The lease may have lapsed, and its stop have run, while the last container was starting.
    signal.throwIfAborted();
  } catch (error) {
    if (lapsed.aborted) {
      const stopping = AbortSignal.timeout(limits.step.restoringMsMax);
      await engine.stop(created.containers, stopping, limits.lease.stopGraceMsMax);
    }
    throw error;
  }
  const containers = await engine.inspectContainers(created.containers);
  return { containers: containers.map(({ id, service }) => ({ id, service })) };
};

/** Judges what arrived by this host's policy. Staged containers again: what was allowed then may have been taken back. */
async function judge(deployment: Deployment, entry: LedgerEntry, context: CommandContext) {
  const staged = await stagedHere(context);
  if (staged) await assertMadeAllowed(deployment, context);
  const sender = senderOf(entry, deployment.project);
  return { staged, judged: staged ?? (await context.engine.assertAllowed?.(deployment, sender, context.signal)) };
}
