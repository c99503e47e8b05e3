import { leasedContainers } from '../migration-ledger.ts';
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
    services: deployment.services,
    oneShots: deployment.one_shots,
    look: () => engine.inspectContainers(started),
    timeoutMs: timeout_s * 1000,
    settleMs: settle_ms,
    signal: AbortSignal.any([context.signal, lease.held(migrationId)]),
  });
  return { services };
};
