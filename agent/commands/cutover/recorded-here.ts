import type { ContainerPrior } from '../../../schema/commands/parts.ts';
import type { Deployment } from '../../../schema/deployment.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { CommandContext } from '../runner/context.ts';
import { assertRecordedVolumes, assertVolumesHere } from './volumes-here.ts';

/**
 * Returns the recorded containers that exist on this host, to be started, and updates the record. Recreates containers that a prune or
 * a person removed, and matches recreated ones by name: a stack is its project, files and data, not its container ids.
 * Throws `engine_error` with the containers that ran and are still missing, `stack_not_found` if their data is gone.
 */
export async function recordedHere(
  project: string,
  prior: ContainerPrior[],
  deployment: Deployment | null,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ContainerPrior[]> {
  const { engine, forward, ledger, migrationId } = context;
  // They are about to be started.
  forward.freePorts(migrationId);
  await assertVolumesHere(context);
  if (deployment) {
    assertRecordedVolumes(deployment, ledger.find(migrationId));
    await engine.recreate(deployment, prior, migrationId, signal);
  }
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
