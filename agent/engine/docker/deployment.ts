import { join, relative } from 'node:path';
import type { ContainerPrior, Deployment } from '../../../schema/agent-protocol.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { UnwellState } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import { type ComposeProject, createArguments } from '../../compose/arguments.ts';
import type { ServiceModel } from '../../compose/model.ts';
import { isInside, readModel } from '../../compose/project.ts';
import { runCompose } from '../../compose/run.ts';
import type { CreatedObjects } from '../engine.ts';
import type { DockerApi } from './api.ts';
import {
  type Container,
  inspectAll,
  inspectProject,
  pauseContainers,
  setRestartPolicy,
  startContainer,
} from './containers.ts';
import type { DockerContext } from './context.ts';
import { joinNetworks } from './joined-networks.ts';
import { composeLabels } from './labels.ts';
import { serviceOf } from './stack-facts.ts';
import { listNetworks } from './target-facts.ts';

const off: ContainerPrior['restart_policy'] = { name: 'no', maximum_retry_count: 0 };

const mapValues = (record: Record<string, string>, to: (value: string) => string) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value)]));

/** The project as it lies on the target. */
export function projectOn(deployment: Deployment): ComposeProject {
  const { source_dir, target_dir, project } = deployment;
  const here = (path: string) => (isInside(source_dir, path) ? join(target_dir, relative(source_dir, path)) : path);
  return {
    project,
    directory: target_dir,
    configFiles: deployment.config_files.map(here),
    envFiles: deployment.env_files.map(here),
    environment: { PWD: target_dir, ...mapValues(deployment.environment ?? {}, here) },
  };
}

/**
 * Creates containers and networks, starts none, and takes every restart policy off. Reports ids also when it fails half
 * way. Throws `resource_taken` where a stack of this name has come up here since the pre-flight: Compose would take its
 * containers over.
 */
export async function createStack(
  context: DockerContext,
  deployment: Deployment,
  created: (made: Partial<CreatedObjects>) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { api } = context;
  const others = (await inspectProject(api, deployment.project)).filter((container) => !isOf(deployment, container));
  if (others.length > 0)
    throw new StackferryError(
      'resource_taken',
      `Another stack named "${deployment.project}" has come up on the target.`,
    );
  try {
    const wanted = projectOn(deployment);
    await compose(context, wanted, createArguments(context.socketPath, wanted, deployment), signal);
    await joinNetworks(api, deployment, await inspectProject(api, deployment.project));
  } finally {
    const made = await findCreated(api, deployment);
    await created(made);
    for (const id of made.containers) await setRestartPolicy(api, id, off);
  }
}

/**
 * Containers made from the files that this migration put where nothing was; and the project's networks, unless a stack
 * of the same name from other files is here, whose they might be.
 */
export async function findCreated(
  api: DockerApi,
  deployment: Deployment,
): Promise<Pick<CreatedObjects, 'containers' | 'networks'>> {
  const containers = await inspectProject(api, deployment.project);
  const own = containers.filter((container) => isOf(deployment, container));
  const networks = await listNetworks(api, `${composeLabels.project}=${deployment.project}`);
  return {
    containers: own.map(({ Id }) => Id),
    networks: own.length === containers.length ? networks.map(({ Id }) => Id) : [],
  };
}

const isOf = ({ target_dir }: Deployment, { Config }: Container) =>
  Config.Labels[composeLabels.workingDir] === target_dir;

/** Policies as the file says; what should run and does not, because a lease lapsed, is started. */
export async function armStack(
  context: DockerContext,
  deployment: Deployment,
  containerIds: string[],
  signal: AbortSignal,
): Promise<void> {
  const { api } = context;
  const policies = await policiesInFile(context, deployment, signal);
  const [stopped, paused] = [before(deployment, 'stopped'), before(deployment, 'paused')];
  const late: Container[] = [];
  for (const container of await inspectAll(api, containerIds)) {
    const service = serviceOf(container);
    await setRestartPolicy(api, container.Id, policies[service] ?? off);
    if (deployment.one_shots.includes(service) || stopped.includes(service)) continue;
    if (container.State.Status === 'running' || container.State.Status === 'paused') continue;
    await startContainer(api, container.Id, signal);
    if (paused.includes(service)) late.push(container);
  }
  await pauseContainers(api, late);
}

/** Services that were in this state before the move. */
export const before = (deployment: Deployment, state: UnwellState): string[] =>
  deployment.before.filter((one) => one.state === state).map(({ service }) => service);

export async function policiesInFile(
  { dockerBinary: binary, socketPath }: DockerContext,
  deployment: Deployment,
  signal: AbortSignal,
): Promise<Record<string, ContainerPrior['restart_policy']>> {
  const model = await readModel({ binary, socketPath }, projectOn(deployment), signal);
  return Object.fromEntries(Object.entries(model.services).map(([name, service]) => [name, policyOf(service)]));
}

/** `restart:` wins over `deploy.restart_policy`, as in Compose. */
export function policyOf(
  service: Pick<ServiceModel, 'restart' | 'deploy'> | undefined,
): ContainerPrior['restart_policy'] {
  const [name = 'no', count = '0'] = (service?.restart ?? '').split(':').filter((part) => part !== '');
  if (service?.restart) return { name, maximum_retry_count: Number(count) };
  const policy = service?.deploy?.restart_policy;
  if (!policy) return off;
  const attempts = policy.max_attempts ?? 0;
  if (policy.condition === 'none') return off;
  if (policy.condition === 'on-failure' || attempts > 0) return { name: 'on-failure', maximum_retry_count: attempts };
  return { name: 'always', maximum_retry_count: 0 };
}

export async function compose(
  { dockerBinary }: DockerContext,
  { environment }: ComposeProject,
  args: string[],
  signal: AbortSignal,
): Promise<void> {
  const timeoutMs = limits.agent.composeWriteMsMax;
  await runCompose({ binary: dockerBinary, arguments: args, environment, timeoutMs, signal });
}
