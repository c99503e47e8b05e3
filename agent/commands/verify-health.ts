import type { CommandHandler } from './context.ts';
import { awaitHealth } from './health.ts';

/** Watches what `deploy` started until every service has proven itself, or one has failed. */
export const verifyHealth: CommandHandler<'verify_health'> = async (payload, context) => {
  const { engine, ledger, lease, migrationId } = context;
  const { deployment, timeout_s, settle_ms } = payload;
  const created = ledger.find(migrationId)?.created.containers ?? [];
  const services = await awaitHealth({
    services: deployment.services,
    oneShots: deployment.one_shots,
    look: () => engine.inspectContainers(created),
    timeoutMs: timeout_s * 1000,
    settleMs: settle_ms,
    signal: AbortSignal.any([context.signal, lease.held(migrationId)]),
  });
  return { services };
};
