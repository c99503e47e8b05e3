import type { ContainerPrior } from '../../../schema/commands/parts.ts';
import type { Deployment } from '../../../schema/deployment.ts';
import { limits } from '../../../schema/limits.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import { isLeased, leasedContainers } from '../../tenancy.ts';
import type { CommandContext, CommandHandler } from '../runner/context.ts';
import { idsOf } from './container-states.ts';
import { expectedOf, expectedOfMove } from './expectations.ts';
import { awaitHealth } from './health.ts';
import { withContainerLog } from './unwell.ts';
import { assertVolumesHere } from './volumes-here.ts';

const off: ContainerPrior['restart_policy'] = { name: 'no', maximum_retry_count: 0 };

/**
 * Watches what `deploy` or `revive_source` started until every service meets its expectation or one fails. Containers
 * that end are restarted under the lease, according to their restart policy.
 */
export const verifyHealth: CommandHandler<'verify_health'> & CommandHandler<'verify_source'> = async (
  payload,
  context,
) => {
  const { engine, ledger, lease, migrationId } = context;
  const { deployment, timeout_s, settle_ms } = payload;
  const entry = ledger.find(migrationId);
  const started = entry ? leasedContainers(entry) : [];
  const lapsed = lease.held(migrationId);
  const signal = AbortSignal.any([context.signal, lapsed]);
  // The stack runs, so this adds no downtime; nor does it keep the first look waiting.
  const released = engine.release?.(migrationId);
  released?.catch(() => {});
  const revived =
    entry?.role === 'source' && isLeased(entry) ? (entry.prior ?? []).filter(({ running }) => running) : null;
  const watched = revived ? idsOf(revived) : started;
  const over = new AbortController();
  try {
    const services = await awaitHealth({
      expected: revived ? expectedOf(revived) : expectedOfMove(deployment),
      look: () => engine.inspectContainers(watched),
      changed: engine.healthChanges?.(watched, AbortSignal.any([signal, over.signal])),
      policyOf: revived ? policyBefore(revived) : await policyInFile(deployment, context, signal),
      start: (id) => startAgain(id, entry, context, signal),
      timeoutMs: timeout_s * 1000,
      settleMs: settle_ms,
      accepting: engine.accepting,
      signal,
    });
    await released;
    // A stack can be healthy although a volume disappeared whose service has no container here.
    await assertVolumesHere(context);
    return { services, lease_until: await lease.renewed(migrationId) };
  } catch (error) {
    // The lease may have lapsed, and its stop have run, while a container was being restarted.
    if (lapsed.aborted)
      await engine.stop(started, AbortSignal.timeout(limits.step.restoringMsMax), limits.lease.stopGraceMsMax);
    throw await withContainerLog(error, watched, context);
  } finally {
    over.abort();
    // An undo finds no helper of this migration that is half gone, and keeps what it is to remove.
    await released?.catch(() => {});
  }
};

const policyBefore =
  (prior: ContainerPrior[]) =>
  ({ id }: { id: string }) =>
    prior.find((container) => container.id === id)?.restart_policy ?? off;

async function policyInFile(deployment: Deployment, { engine }: CommandContext, signal: AbortSignal) {
  const policies = await engine.policies(deployment, signal);
  return ({ service }: { service: string }) => policies[service] ?? off;
}

async function startAgain(
  id: string,
  entry: LedgerEntry | null,
  { engine, log }: CommandContext,
  signal: AbortSignal,
): Promise<void> {
  const [container] = await engine.inspectContainers([id]);
  if (!container) return;
  log.info('restarted according to its restart policy', { service: container.service });
  const { name, service } = container;
  const disarmed = { id, name, service, running: true, restart_policy: off, state: null, health: null, image: null };
  await engine.restore([disarmed], signal, entry?.deployment ?? null);
  signal.throwIfAborted();
}
