import type { ContainerPrior } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { leasedContainers } from '../migration-ledger.ts';
import type { CommandHandler } from './context.ts';
import { recordedHere } from './recorded-here.ts';

const off: ContainerPrior['restart_policy'] = { name: 'no', maximum_retry_count: 0 };

/**
 * For a rollback: the retained containers start again, or new ones from the retained files where some are gone. As in
 * `deploy` the lease comes first, and the restart policies stay off until the rollback is committed.
 */
export const reviveSource: CommandHandler<'revive_source'> = async ({ deployment }, context) => {
  const { engine, ledger, migrationId } = context;
  const key = { migration_id: migrationId, project: deployment.project, role: 'source' } as const;
  const { prior } = await ledger.update(key, (entry) => {
    entry.deployment = deployment;
    entry.revived = true;
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
    // The lease may have lapsed, and its stop have run, while the last container was being started.
    signal.throwIfAborted();
  } catch (error) {
    if (lapsed.aborted) {
      const stopping = AbortSignal.timeout(limits.step.restoringMsMax);
      await engine.stop(ids, stopping, limits.lease.stopGraceMsMax);
    }
    throw error;
  }
  const containers = await engine.inspectContainers(ids);
  return { containers: containers.map(({ id, service }) => ({ id, service })) };
};
