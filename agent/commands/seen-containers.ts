import type { SeenContainer } from '../../schema/commands/parts.ts';
import type { ContainerState, Engine } from '../engine/engine.ts';
import { mayEnd, runs } from './cutover/container-states.ts';

/** The stack's containers as they are now. */
export async function seenContainers(project: string, engine: Engine): Promise<SeenContainer[]> {
  const containers = await engine.containers(project);
  return containers.map((container) => ({ id: container.id, service: container.service, state: stateOf(container) }));
}

function stateOf(container: ContainerState): SeenContainer['state'] {
  if (runs(container)) return 'running';
  return mayEnd(container.restart_policy) && container.exit_code === 0 ? 'ended' : 'stopped';
}
