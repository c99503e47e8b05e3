import type { ContainerPrior, Deployment } from '../../../schema/agent-protocol.ts';
import { errorMessageOf, StackferryError } from '../../../schema/errors.ts';
import { startArguments, startWithoutDependenciesArguments } from '../../compose/arguments.ts';
import { readModel } from '../../compose/project.ts';
import { isWholeOnceCreated } from '../../compose/start-work.ts';
import { type DockerApi, EngineAnswer } from './api.ts';
import {
  type Container,
  inspectAll,
  levels,
  pauseContainers,
  setRestartPolicy,
  startContainer,
  unpauseContainers,
} from './containers.ts';
import type { DockerContext } from './context.ts';
import { before, compose, projectOn } from './deployment.ts';
import { reachedAtOnce } from './neighbours.ts';
import { serviceOf } from './stack-facts.ts';

/**
 * Starts a created stack in the order of its dependencies. Compose does it where that takes more than starting: it knows
 * conditions and hooks. Else the Engine is told directly, since Compose takes a tenth of a second to begin, in the dark.
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
    // A run before this one may have paused them already, and Compose starts none that is paused.
    await unpauseContainers(api, containers);
    const services = deployment.services.filter((service) => !stopped.includes(service));
    await reachedAtOnce(api, containers, () => startByCompose(context, { ...deployment, services }, signal));
  }
  await pauseContainers(
    api,
    containers.filter((container) => paused.includes(serviceOf(container))),
  );
}

/** Without those services that these depend on and that are not among them: they did not run. */
async function startByCompose(context: DockerContext, deployment: Deployment, signal: AbortSignal): Promise<void> {
  const { socketPath, dockerBinary } = context;
  const project = projectOn(deployment);
  const { services } = await readModel({ binary: dockerBinary, socketPath }, project, signal, deployment.services);
  const lacking = deployment.services.some((name) =>
    Object.keys(services[name]?.depends_on ?? {}).some((dependency) => !deployment.services.includes(dependency)),
  );
  const arguments_ = lacking
    ? startWithoutDependenciesArguments(socketPath, project, deployment)
    : startArguments(socketPath, project, deployment.services);
  await compose(context, project, arguments_, signal);
}

/**
 * Puts containers back as recorded: first every policy, then those that ran are started, dependencies first. Throws
 * where one is gone or won't start.
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
    await startByCompose(context, { ...deployment, services }, signal);
  }
  const paused = new Set(prior.filter(({ state }) => state === 'paused').map(({ id }) => id));
  await pauseContainers(
    api,
    wanted.filter(({ Id }) => paused.has(Id)),
  );
}

/** Containers that never ran, which Compose may have to fill at their first start. */
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

/** What others need first, as the labels tell; side by side otherwise. */
function startInOrder(
  api: DockerApi,
  containers: Container[],
  start: (container: Container) => Promise<unknown>,
): Promise<void> {
  // A paused one has been started, and the Engine starts none that is.
  const due = containers.filter(({ State }) => State.Status !== 'paused');
  return reachedAtOnce(api, due, async () => {
    for (const level of levels(due)) await Promise.all(level.map(start));
  });
}
