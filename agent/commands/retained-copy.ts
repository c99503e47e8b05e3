import type { ContainerPrior } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import { runs, servicesOf } from './container-states.ts';
import type { CommandContext } from './context.ts';
import { assertNoneBeside } from './data-users.ts';

/**
 * Before a copy is deleted: it must be the recorded one, and not run. Throws `stack_running`: a stack of that name that
 * came up since would lose its volumes and files with it.
 */
export async function assertNoOtherCopy(
  project: string,
  recorded: ContainerPrior[],
  { engine, ledger, migrationId }: CommandContext,
  made: string[] = [],
): Promise<void> {
  const known = new Set([...recorded.map(({ id }) => id), ...made]);
  const containers = await engine.containers(project);
  const others = containers.filter(({ id }) => !known.has(id));
  if (others.length > 0)
    throw new StackferryError(
      'stack_running',
      `Another stack named "${project}" is on this host now (${servicesOf(others)}); nothing was deleted.`,
    );
  const running = containers.filter(runs);
  const entry = ledger.find(migrationId);
  if (entry) await assertNoneBeside(entry, engine, 'Nothing was deleted.');
  if (running.length > 0)
    throw new StackferryError(
      'stack_running',
      `Someone started the copy that is to be deleted (${servicesOf(running)}); stop it first. Nothing was deleted.`,
    );
}
