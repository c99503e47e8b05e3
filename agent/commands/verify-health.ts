import type { ContainerPrior, Deployment } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { type LedgerEntry, leasedContainers } from '../migration-ledger.ts';
import { idsOf } from './container-states.ts';
import type { CommandContext, CommandHandler } from './context.ts';
import { expectedOf, expectedOfMove } from './expectations.ts';
import { awaitHealth } from './health.ts';

const off: ContainerPrior['restart_policy'] = { name: 'no', maximum_retry_count: 0 };

/**
 * Watches what `deploy`, or `revive_source`, started until every service has proven itself, or one has failed. What ends
 * meanwhile is started again as its restart policy says, under the lease.
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
  // The stack runs, so the time that this takes is no downtime.
  await engine.release?.(migrationId);
  const revived = entry?.revived ? (entry.prior ?? []).filter(({ running }) => running) : null;
  try {
    const services = await awaitHealth({
      expected: revived ? expectedOf(revived) : expectedOfMove(deployment),
      look: () => engine.inspectContainers(revived ? idsOf(revived) : started),
      policyOf: revived ? policyBefore(revived) : await policyInFile(deployment, context, signal),
      start: (id) => startAgain(id, entry, context, signal),
      timeoutMs: timeout_s * 1000,
      settleMs: settle_ms,
      signal,
    });
    return { services, lease_until: await lease.renewed(migrationId) };
  } catch (error) {
    // The lease may have lapsed, and its stop have run, while a container was being started again.
    if (lapsed.aborted)
      await engine.stop(started, AbortSignal.timeout(limits.step.restoringMsMax), limits.lease.stopGraceMsMax);
    throw error;
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
  log.info('started again, as its restart policy says', { service: container.service });
  const { name, service } = container;
  const disarmed = { id, name, service, running: true, restart_policy: off, state: null, health: null, image: null };
  await engine.restore([disarmed], signal, entry?.deployment ?? null);
  signal.throwIfAborted();
}
