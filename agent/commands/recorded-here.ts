import type { ContainerPrior, Deployment } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { CommandContext } from './context.ts';

/**
 * The recorded containers as they are here now, recorded again. What was removed since, by a prune or by hand, is made
 * again; what was made again by hand is known by its name: a stack is its project, files and data, not the ids of its
 * containers. Throws `engine_error` that names what ran and is still gone.
 */
export async function recordedHere(
  project: string,
  prior: ContainerPrior[],
  deployment: Deployment | null,
  { engine, ledger, migrationId }: CommandContext,
  signal: AbortSignal,
): Promise<ContainerPrior[]> {
  if (deployment) await engine.recreate(deployment, prior, migrationId, signal);
  const there = await engine.containers(project);
  const found = prior.flatMap((container) => {
    const same = there.find(({ id }) => id === container.id) ?? there.find(({ name }) => name === container.name);
    return same ? [{ ...container, id: same.id }] : [];
  });
  const gone = prior.filter(({ name, running }) => running && !found.some((container) => container.name === name));
  if (gone.length > 0)
    throw new StackferryError('engine_error', `Gone from this host: ${gone.map(({ name }) => name).join(', ')}.`);
  await ledger.amend(migrationId, (entry) => {
    entry.prior = found;
  });
  return found;
}
