import { StackferryError } from '../../schema/errors.ts';
import type { ContainerState } from '../engine/engine.ts';
import { runs } from './container-states.ts';
import type { CommandContext } from './context.ts';
import { besideStack, cameAndWent } from './data-users.ts';

/**
 * F26, Invariant 3: since the stop no container of the stack ran, nor any other that can write its data, not even for a
 * moment between two looks. Throws `stack_running` that names it.
 */
export async function assertSourceAtRest(
  project: string,
  { engine, ledger, migrationId }: CommandContext,
): Promise<void> {
  const entry = ledger.find(migrationId);
  if (!entry?.stopped)
    throw new StackferryError('stack_running', `The stack "${project}" was not stopped by this migration.`);
  const { stopped } = entry;
  const [containers, others, gone] = await Promise.all([
    engine.containers(project),
    besideStack(entry, engine),
    cameAndWent(entry, engine),
  ]);
  const ran = [...containers, ...others.filter(hasRun)].filter(
    (container) => runs(container) || stopped[container.id] !== container.started_at,
  );
  const names = [...new Set([...ran.map(({ name }) => name), ...gone])];
  if (names.length === 0) return;
  throw new StackferryError(
    'stack_running',
    `Started while the data was being copied: ${names.join(', ')}. The copy cannot be trusted.`,
  );
}

/** A container that was only created has the year 1, or nothing, for its start. */
const hasRun = ({ started_at }: ContainerState) => started_at !== '' && !started_at.startsWith('0001-');
