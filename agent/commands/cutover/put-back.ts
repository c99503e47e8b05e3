import type { Deployment } from '../../../schema/deployment.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { CommandContext } from '../runner/context.ts';
import { idsOf, runs } from './container-states.ts';
import { expectedOf } from './expectations.ts';
import { awaitHealth } from './health.ts';
import { recordedHere } from './recorded-here.ts';

/**
 * Restores the recorded containers, restart policies included. Resolves once everything that ran before has settled: an
 * app whose files were damaged since its start exits soon after a restart. If nothing was recorded, nothing was
 * stopped, and it only returns what runs.
 */
export async function putBack(
  project: string,
  deployment: Deployment | null,
  context: CommandContext,
): Promise<{ running: string[] }> {
  const { engine, ledger, migrationId, signal } = context;
  const { prior: recorded, stopped } = ledger.find(migrationId) ?? { prior: null, stopped: null };
  if (!recorded) return runningOf(project, context);
  // An interrupted stop continues in the engine and could still end containers that look running, so finish it first.
  if (!stopped) await engine.stop(idsOf((await engine.inspectContainers(idsOf(recorded))).filter(runs)), signal);
  const prior = await recordedHere(project, recorded, deployment, context, signal);
  await engine.restore(prior, signal, deployment);
  const ran = idsOf(prior.filter(({ running }) => running));
  await awaitHealth({
    expected: expectedOf(prior),
    look: () => engine.inspectContainers(ran),
    timeoutMs: limits.agent.restoredWaitMsMax,
    settleMs: limits.health.settleMs,
    accepting: engine.accepting,
    startingSuffices: true,
    signal,
  }).catch((error) => {
    if (!(error instanceof StackferryError) || signal.aborted) throw error;
    throw new StackferryError(error.code, `Put back, but not as it was before: ${error.message}`, { cause: error });
  });
  return runningOf(project, context);
}

async function runningOf(project: string, { engine }: CommandContext): Promise<{ running: string[] }> {
  return { running: idsOf((await engine.containers(project)).filter(runs)) };
}

/** Untags the images that were kept for a rollback. A tag that can't be removed now does no harm. */
export async function forgetImages({ engine, migrationId, log }: CommandContext): Promise<void> {
  await engine.dropKeptImages?.(migrationId).catch((error) => log.warn('kept images stay tagged', { error }));
}
