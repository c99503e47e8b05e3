import type { Deployment } from '../../schema/agent-protocol.ts';
import { type LedgerEntry, leasedContainers } from '../migration-ledger.ts';
import type { CommandHandler } from './context.ts';
import { awaitHealth } from './health.ts';

/** Watches what `deploy`, or `revive_source`, started until every service has proven itself, or one has failed. */
export const verifyHealth: CommandHandler<'verify_health'> & CommandHandler<'verify_source'> = async (
  payload,
  context,
) => {
  const { engine, ledger, lease, migrationId } = context;
  const { deployment, timeout_s, settle_ms } = payload;
  const entry = ledger.find(migrationId);
  const started = entry ? leasedContainers(entry) : [];
  // The stack runs, so the time that this takes is not dark.
  await engine.release?.(migrationId);
  const services = await awaitHealth({
    services: entry ? provenServices(deployment, entry) : deployment.services,
    oneShots: deployment.one_shots,
    look: () => engine.inspectContainers(started),
    timeoutMs: timeout_s * 1000,
    settleMs: settle_ms,
    signal: AbortSignal.any([context.signal, lease.held(migrationId)]),
  });
  return { services, lease_until: await lease.renewed(migrationId) };
};

/** A rollback puts the kept containers back as they were: what did not run then has nothing to prove now. */
function provenServices({ services, one_shots }: Deployment, { prior, revived, created }: LedgerEntry): string[] {
  if (!prior || !revived || created.containers.length > 0) return services;
  const ran = prior.filter(({ running }) => running).map(({ service }) => service);
  return services.filter((service) => ran.includes(service) || one_shots.includes(service));
}
