import { idsOf, runs } from './container-states.ts';
import type { CommandContext } from './context.ts';
import { untilSeenRunning } from './seen-running.ts';

/**
 * Puts the recorded containers back, restart policies included, and resolves once each that ran before has been seen
 * running. Where nothing was recorded nothing was stopped, and it only tells what runs.
 */
export async function putBack(project: string, context: CommandContext): Promise<{ running: string[] }> {
  const { engine, ledger, migrationId, signal } = context;
  const { prior, stopped } = ledger.find(migrationId) ?? { prior: null, stopped: null };
  if (!prior) return runningOf(project, context);
  // A stop that was cut off goes on in the engine, and would end what is taken for running: it is brought to its end first.
  if (!stopped) await engine.stop(idsOf((await engine.inspectContainers(idsOf(prior))).filter(runs)), signal);
  await engine.restore(prior, signal);
  await untilSeenRunning(
    prior.filter(({ running }) => running),
    context,
  );
  return runningOf(project, context);
}

async function runningOf(project: string, { engine }: CommandContext): Promise<{ running: string[] }> {
  return { running: idsOf((await engine.containers(project)).filter(runs)) };
}
