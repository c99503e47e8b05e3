import type { ContainerPrior } from '../../../schema/commands/parts.ts';
import { limits } from '../../../schema/limits.ts';
import { become, isLeased, leasedContainers } from '../../tenancy.ts';
import { rememberWriters } from '../after/written-since.ts';
import type { CommandHandler } from '../runner/context.ts';
import { recordedHere } from './recorded-here.ts';
import { recordRest } from './rest.ts';

const off: ContainerPrior['restart_policy'] = { name: 'no', maximum_retry_count: 0 };

/**
 * Starts the retained containers for a rollback, recreating missing ones from the retained files. As in `deploy`, the
 * lease comes first, and restart policies stay off until the rollback is committed.
 */
export const reviveSource: CommandHandler<'revive_source'> = async ({ deployment }, context) => {
  const { engine, ledger, migrationId } = context;
  const key = { migration_id: migrationId, project: deployment.project, role: 'source' } as const;
  const before = ledger.find(migrationId);
  // If the rollback fails, a purge must still know them: the rest is recorded again from here on.
  if (before && !isLeased(before)) await rememberWriters(context);
  const { prior } = await ledger.update(key, (entry) => {
    entry.deployment = deployment;
    become(entry, 'leased');
    entry.stopped = null;
  });
  const lapsed = await context.lease.acquire(migrationId);
  const signal = AbortSignal.any([context.signal, lapsed]);
  const recorded = await recordedHere(deployment.project, prior ?? [], deployment, context, signal);
  signal.throwIfAborted();
  const entry = await ledger.update(key, (draft) => {
    draft.started = true;
  });
  const ids = leasedContainers(entry);
  try {
    const disarmed = recorded.map((container) => ({ ...container, restart_policy: off }));
    await engine.restore(disarmed, signal, deployment);
    // The lease may have lapsed, and its stop have run, while the last container was starting.
    signal.throwIfAborted();
  } catch (error) {
    if (lapsed.aborted) {
      const stopping = AbortSignal.timeout(limits.step.restoringMsMax);
      await engine.stop(ids, stopping, limits.lease.stopGraceMsMax);
    }
    throw error;
  }
  // Anything that starts after this moment was not started by this command, even once the lease has lapsed.
  await recordRest(migrationId, context, Date.now() + 1);
  const containers = await engine.inspectContainers(ids);
  return { containers: containers.map(({ id, service }) => ({ id, service })) };
};
