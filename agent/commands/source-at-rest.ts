import { StackferryError } from '../../schema/errors.ts';
import { runs, servicesOf } from './container-states.ts';
import type { CommandContext } from './context.ts';

/**
 * F26, Invariant 3: since the stop no container of the stack ran, not even for a moment between two looks. Throws
 * `stack_running` that names who did.
 */
export async function assertSourceAtRest(project: string, context: CommandContext): Promise<void> {
  const stopped = context.ledger.find(context.migrationId)?.stopped;
  if (!stopped) throw new StackferryError('stack_running', `The stack "${project}" was not stopped by this migration.`);
  const containers = await context.engine.containers(project);
  const ran = containers.filter((container) => runs(container) || stopped[container.id] !== container.started_at);
  if (ran.length === 0) return;
  throw new StackferryError(
    'stack_running',
    `Started again while its data was being copied: ${servicesOf(ran)}. The copy cannot be trusted.`,
  );
}
