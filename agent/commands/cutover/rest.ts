import { StackferryError } from '../../../schema/errors.ts';
import type { ContainerState } from '../../engine/engine.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import type { CommandContext } from '../runner/context.ts';
import { runs } from './container-states.ts';
import { besideStack, cameAndWent } from './data-users.ts';

/** Records every container's start time, after a stop or a rollback's start. Any later start differs from it. */
export async function recordRest(
  migrationId: string,
  { engine, ledger }: Pick<CommandContext, 'engine' | 'ledger'>,
  sinceMs = Date.now(),
): Promise<void> {
  const entry = ledger.find(migrationId);
  if (!entry) return;
  const stopped = [...(await engine.containers(entry.project)), ...(await besideStack(entry, engine))];
  await ledger.amend(migrationId, (draft) => {
    draft.stopped = Object.fromEntries(stopped.map(({ id, started_at }) => [id, started_at]));
    if (engine.startedSince) draft.stopped_at_ms = sinceMs;
  });
}

/**
 * Throws `stack_running` if any container of the stack, or any other that can write its data, has run since the stop,
 * even briefly between two checks (F26, Invariant 3).
 */
export async function assertSourceAtRest(project: string, context: CommandContext): Promise<void> {
  const entry = context.ledger.find(context.migrationId);
  const names = entry?.stopped ? await ranSinceRest(entry, context) : null;
  if (!names) throw new StackferryError('stack_running', `The stack "${project}" was not stopped by this migration.`);
  if (names.length === 0) return;
  throw new StackferryError(
    'stack_running',
    `Started while the data was being copied: ${names.join(', ')}. The copy cannot be trusted.`,
  );
}

/** Returns the names of containers that run on the data, or ran on it since the record of `recordRest`. */
export async function ranSinceRest(entry: LedgerEntry, { engine }: Pick<CommandContext, 'engine'>): Promise<string[]> {
  const stopped = entry.stopped ?? {};
  const [containers, others, gone] = await Promise.all([
    engine.containers(entry.project),
    besideStack(entry, engine),
    cameAndWent(entry, engine),
  ]);
  const ran = [...containers, ...others]
    .filter(hasRun)
    .filter((container) => runs(container) || stopped[container.id] !== container.started_at);
  return [...new Set([...ran.map(({ name }) => name), ...gone])];
}

/** `started_at` of a container that was created but never started is the year 1, or empty. */
const hasRun = ({ started_at }: ContainerState) => started_at !== '' && !started_at.startsWith('0001-');
