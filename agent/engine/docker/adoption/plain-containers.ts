import { shellWord } from '../../../../node/shell-word.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import type { DockerContext } from '../context.ts';
import { nameOfContainer } from '../data/mount-sources.ts';
import { composeLabels, guardLabel, helperLabel } from '../labels.ts';
import { type ContainerSummary, listContainers } from '../stack/containers.ts';

/** On containers of other managers, which would bring a stopped one back. */
const managed = ['com.docker.swarm.service.id', 'io.kubernetes.pod.uid'];

/** True for a container that a person made with `docker run`, not Compose, another manager or an agent. */
export const isPlainContainer = ({ Labels }: Pick<ContainerSummary, 'Labels'>): boolean =>
  ![composeLabels.project, helperLabel, guardLabel, ...managed].some((label) => label in Labels);

/** Returns the name that a stack of this container gets: Compose takes fewer letters than the Engine. */
export function stackNameOf(container: string): string {
  const name = container.toLowerCase().replace(/[^a-z0-9_-]/g, '-');
  return /^[a-z0-9]/.test(name) ? name : `c${name}`;
}

/**
 * The running ones of a full listing by the names that they are listed under, none of which a project has. `ownId`: the
 * agent's container.
 */
export function plainContainers(containers: ContainerSummary[], ownId: string | null): Map<string, ContainerSummary> {
  const taken = new Set(containers.map(({ Labels }) => Labels[composeLabels.project]));
  const found = new Map<string, ContainerSummary>();
  const running = containers.filter((one) => isPlainContainer(one) && one.Id !== ownId && one.State !== 'exited');
  for (const container of running.sort((a, b) => (nameOfContainer(a) < nameOfContainer(b) ? -1 : 1))) {
    const name = stackNameOf(nameOfContainer(container));
    const free = [name, ...Array.from({ length: running.length }, (_, index) => `${name}-${index + 2}`)];
    const listed = free.find((one) => !taken.has(one) && !found.has(one));
    if (listed !== undefined) found.set(listed, container);
  }
  return found;
}

/** Throws `stack_not_found`, with what to do, if a plain container is listed under this name. */
export async function refusePlain({ api, own, command, stateDir }: DockerContext, name: string): Promise<void> {
  const container = plainContainers(await listContainers(api), own?.id ?? null).get(name);
  if (!container) return;
  const line = [...command, 'adopt', nameOfContainer(container), '--state', stateDir].map(shellWord).join(' ');
  throw new StackferryError(
    'stack_not_found',
    `"${name}" is a container without a Compose file. As root on this host, "${line}" writes one, with which it can move.`,
  );
}
