import { limits } from '../../schema/limits.ts';
import type { CommandHandler } from './context.ts';
import { createRecorded } from './created-stack.ts';
import { assertNoneBeside } from './data-users.ts';
import { assertMadeDirectory } from './made-volume.ts';
import { stagedHere } from './staged.ts';

/**
 * Lease, create (unless that was done before the stop), start. The lease comes first, by a round trip to the control
 * plane: a late `deploy` of a migration that has turned back starts nothing. Everything runs with its restart policy off
 * until the migration is completed.
 */
export const deploy: CommandHandler<'deploy'> = async ({ deployment }, context) => {
  const { engine, ledger, migrationId } = context;
  assertMadeDirectory(deployment.target_dir, context);
  const key = { migration_id: migrationId, project: deployment.project, role: 'target' } as const;
  const entry = await ledger.update(key, (draft) => {
    draft.deployment = deployment;
    draft.deployed = true;
  });
  // The guard's process takes as long to start as judging the files does.
  const [lapsed, { staged, judged }] = await Promise.all([
    context.lease.acquire(migrationId),
    stagedHere(context).then(async (staged) => ({
      staged,
      judged: staged ?? (await engine.assertAllowed?.(deployment, context.signal)),
    })),
    assertNoneBeside(entry, engine, 'The stack was not started here.'),
  ]);
  const signal = AbortSignal.any([context.signal, lapsed]);

  if (!staged) await createRecorded(key, deployment, context, signal);
  signal.throwIfAborted();
  const { created } = await ledger.update(key, (draft) => {
    draft.started = true;
  });
  try {
    await engine.startStack(deployment, created.containers, signal, judged?.plain);
    // The lease may have lapsed, and its stop have run, while the last container was being started.
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
