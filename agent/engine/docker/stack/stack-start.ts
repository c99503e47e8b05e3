import type { ContainerPrior } from '../../../../schema/commands/parts.ts';
import type { Deployment } from '../../../../schema/deployment.ts';
import { errorMessageOf, StackferryError } from '../../../../schema/errors.ts';
import { startArguments, startWithoutDependenciesArguments } from '../../../compose/arguments.ts';
import { readModel } from '../../../compose/project.ts';
import { isWholeOnceCreated } from '../../../compose/start-work.ts';
import { type DockerApi, EngineAnswer } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { startWaitMs } from '../facts/service-state.ts';
import { withFastArp } from './arp-retry.ts';
import {
  type Container,
  inspectAll,
  levels,
  pauseContainers,
  serviceOf,
  setRestartPolicy,
  startContainer,
  unpauseContainers,
} from './containers.ts';
import { before, compose, projectOn } from './deployment.ts';

/**
 * Starts a created stack in dependency order. Uses Compose for a stack with conditions or hooks, otherwise the Engine
 * directly: Compose takes a tenth of a second to start, which is downtime.
 */
export async function startStack(
  context: DockerContext,
  deployment: Deployment,
  containerIds: string[],
  signal: AbortSignal,
  plain = false,
): Promise<void> {
  const { api } = context;
  const [stopped, paused] = [before(deployment, 'stopped'), before(deployment, 'paused')];
  const all = await inspectAll(api, containerIds);
  const containers = all.filter((container) => !stopped.includes(serviceOf(container)));
  if (plain) await startInOrder(api, containers, ({ Id }) => startContainer(api, Id, signal));
  else {
    // An earlier run may have paused them already, and Compose does not start paused containers.
    await unpauseContainers(api, containers);
    const services = deployment.services.filter((service) => !stopped.includes(service));
    await withFastArp(api, containers, () => startByCompose(context, { ...deployment, services }, containers, signal));
  }
  await pauseContainers(
    api,
    containers.filter((container) => paused.includes(serviceOf(container))),
  );
}

/** Dependencies outside these services are not started: they did not run before. */
async function startByCompose(
  context: DockerContext,
  deployment: Deployment,
  containers: Container[],
  signal: AbortSignal,
): Promise<void> {
  const { socketPath, dockerBinary } = context;
  const project = projectOn(deployment);
  const { services } = await readModel({ binary: dockerBinary, socketPath }, project, signal, deployment.services);
  const lacking = deployment.services.some((name) =>
    Object.keys(services[name]?.depends_on ?? {}).some((dependency) => !deployment.services.includes(dependency)),
  );
  const arguments_ = lacking
    ? startWithoutDependenciesArguments(socketPath, project, deployment)
    : startArguments(socketPath, project, deployment.services);
  await compose(context, project, arguments_, signal, startWaitMs(containers));
}

/**
 * Restores containers to their recorded state: first every restart policy, then starts those that ran, in dependency
 * order. Throws if one is gone or does not start.
 */
export async function restoreContainers(
  context: DockerContext,
  prior: ContainerPrior[],
  signal: AbortSignal,
  deployment: Deployment | null,
): Promise<void> {
  const { api } = context;
  const there = await inspectAll(
    api,
    prior.map(({ id }) => id),
  );
  const absent = prior.filter(({ id }) => !there.some((container) => container.Id === id));
  if (absent.length > 0)
    throw new StackferryError('engine_error', `Gone from the source: ${absent.map(({ name }) => name).join(', ')}.`);
  for (const { id, restart_policy } of prior) await setRestartPolicy(api, id, restart_policy);
  const ran = new Map(prior.filter(({ running }) => running).map((container) => [container.id, container.name]));
  const wanted = there.filter(({ Id }) => ran.has(Id));
  const fresh = deployment ? await neededByCompose(context, wanted, deployment, signal) : [];
  await startInOrder(
    api,
    wanted.filter((container) => !fresh.includes(container)),
    ({ Id }) =>
      startContainer(api, Id, signal).catch((error) => {
        if (!(error instanceof EngineAnswer)) throw error;
        const message = `${ran.get(Id)} does not start: ${errorMessageOf(error)}`;
        throw new StackferryError('engine_error', message, { cause: error });
      }),
  );
  if (deployment && fresh.length > 0) {
    const services = [...new Set(fresh.map(serviceOf))];
    await startByCompose(context, { ...deployment, services }, fresh, signal);
  }
  const paused = new Set(prior.filter(({ state }) => state === 'paused').map(({ id }) => id));
  await pauseContainers(
    api,
    wanted.filter(({ Id }) => paused.has(Id)),
  );
}

/** Containers that never ran: Compose may have to copy files into them at their first start. */
async function neededByCompose(
  { dockerBinary: binary, socketPath }: DockerContext,
  containers: Container[],
  deployment: Deployment,
  signal: AbortSignal,
): Promise<Container[]> {
  const fresh = containers.filter(({ State }) => State.Status === 'created');
  if (fresh.length === 0) return [];
  const model = await readModel({ binary, socketPath }, projectOn(deployment), signal, fresh.map(serviceOf));
  return isWholeOnceCreated(model) ? [] : fresh;
}

/** Starts containers level by level, in the dependency order of their labels. */
function startInOrder(
  api: DockerApi,
  containers: Container[],
  start: (container: Container) => Promise<unknown>,
): Promise<void> {
  // The Engine refuses to start paused containers, which have been started before.
  const due = containers.filter(({ State }) => State.Status !== 'paused');
  return withFastArp(api, due, async () => {
    for (const level of levels(due)) await Promise.all(level.map(start));
  });
}
