import type { ContainerPrior } from '../../../schema/commands/parts.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { runs, servicesOf } from '../cutover/container-states.ts';
import { assertNoneBeside } from '../cutover/data-users.ts';
import type { CommandContext } from '../runner/context.ts';

/**
 * Throws `stack_running` unless the copy to be deleted is the recorded one and does not run. A stack of the same name
 * that came up since would lose its volumes and files.
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
