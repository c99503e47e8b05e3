import type { ContainerPrior, Deployment } from '../../../schema/agent-protocol.ts';
import { errorMessageOf, StackferryError } from '../../../schema/errors.ts';
import { startArguments, startWithoutDependenciesArguments } from '../../compose/arguments.ts';
import { readModel } from '../../compose/project.ts';
import { type DockerApi, EngineAnswer } from './api.ts';
import { type Container, inspectAll, levels, setRestartPolicy, startContainer } from './containers.ts';
import type { DockerContext } from './context.ts';
import { compose, projectOn } from './deployment.ts';
import { reachedAtOnce } from './neighbours.ts';

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
  const { api, socketPath, dockerBinary } = context;
  const containers = await inspectAll(api, containerIds);
  if (plain) return startInOrder(api, containers, ({ Id }) => startContainer(api, Id, signal));
  const project = projectOn(deployment);
  const { services } = await readModel({ binary: dockerBinary, socketPath }, project, signal, deployment.services);
  const lacking = deployment.services.some((name) =>
    Object.keys(services[name]?.depends_on ?? {}).some((dependency) => !deployment.services.includes(dependency)),
  );
  const arguments_ = lacking
    ? startWithoutDependenciesArguments(socketPath, project, deployment)
    : startArguments(socketPath, project, deployment.services);
  return reachedAtOnce(api, containers, () => compose(context, project, arguments_, signal));
}

/**
 * Puts containers back as recorded: first every policy, then those that ran are started, dependencies first. Throws
 * where one is gone or won't start.
 */
export async function restoreContainers(api: DockerApi, prior: ContainerPrior[], signal: AbortSignal): Promise<void> {
  const there = await inspectAll(
    api,
    prior.map(({ id }) => id),
  );
  const absent = prior.filter(({ id }) => !there.some((container) => container.Id === id));
  if (absent.length > 0)
    throw new StackferryError('engine_error', `Gone from the source: ${absent.map(({ name }) => name).join(', ')}.`);
  for (const { id, restart_policy } of prior) await setRestartPolicy(api, id, restart_policy);
  const ran = new Map(prior.filter(({ running }) => running).map((container) => [container.id, container.name]));
  await startInOrder(
    api,
    there.filter(({ Id }) => ran.has(Id)),
    ({ Id }) =>
      startContainer(api, Id, signal).catch((error) => {
        if (!(error instanceof EngineAnswer)) throw error;
        const message = `${ran.get(Id)} does not start: ${errorMessageOf(error)}`;
        throw new StackferryError('engine_error', message, { cause: error });
      }),
  );
}

/** What others need first, as the labels tell; side by side otherwise. */
function startInOrder(
  api: DockerApi,
  containers: Container[],
  start: (container: Container) => Promise<unknown>,
): Promise<void> {
  return reachedAtOnce(api, containers, async () => {
    for (const level of levels(containers)) await Promise.all(level.map(start));
  });
}
