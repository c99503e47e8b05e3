import { isPath } from '../../agent/engine/tree.ts';
import type { SimHost } from './host.ts';
import type { StackSpec } from './stacks.ts';
import type { World } from './world.ts';

/** Every stack up at home, another stack on each host that nobody may touch, and all agents running. */
export function raise(world: World): void {
  for (const stack of world.stacks) bringUp(world.host(stack.home), stack, false);
  for (const host of world.hosts) {
    const project = `others-${host.id}`;
    bringUp(
      host,
      { ...world.stacks[0]!, id: project, project, directory: `/srv/${project}`, ...volumesOf(project) },
      true,
    );
  }
  for (const { id, home } of world.stacks) world.control.store.homes.set(id, home);
  for (const host of world.hosts) host.startAgent();
}

/** F30, F47: of another directory, where nothing has that name yet. Nobody may touch it. */
export function bringUpNamesake(host: SimHost, { project, ...stack }: StackSpec): void {
  const volumes = [...host.volumes.values()].filter(({ name }) => !isPath(name));
  const objects = [...host.containers.withRuns(project), ...volumes];
  const taken = objects.some((object) => object.project === project);
  // Where a person took the stack down it would be that stack, of other files.
  const wasThere = [...host.paths.values()].some(({ spec }) => spec.project === project);
  if (!taken && !wasThere)
    bringUp(host, { ...stack, project, directory: `/home/${project}`, ...volumesOf(project) }, true);
}

const volumesOf = (project: string) => ({
  volumes: [`${project}_data`],
  services: [
    {
      name: 'db',
      oneShot: false,
      healthcheck: false,
      policy: 'always' as const,
      readyMs: 100,
      stopMs: 100,
      volumes: [`${project}_data`],
    },
  ],
});

function bringUp(host: SimHost, stack: StackSpec, foreign: boolean): void {
  const { project, directory, volumes, services } = stack;
  for (const name of volumes)
    host.volumes.set(name, { name, project, content: 1, madeBy: null, foreign, byHand: false, filledBy: null });
  host.paths.set(directory, { path: directory, content: host.world.newContent(), madeBy: null, spec: stack, foreign });
  host.networks.set(`${host.id}-n-${project}`, { id: `${host.id}-n-${project}`, project, madeBy: null });
  for (const spec of services) {
    const container = host.containers.create(project, spec, directory, null);
    container.foreign = foreign;
    host.containers.start(container, 'from the beginning');
  }
}
