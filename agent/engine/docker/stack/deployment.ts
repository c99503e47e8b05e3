import { join, relative } from 'node:path';
import type { ContainerPrior } from '../../../../schema/commands/parts.ts';
import type { Deployment } from '../../../../schema/deployment.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import type { UnwellState } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import { type ComposeProject, createArguments } from '../../../compose/arguments.ts';
import type { ServiceModel } from '../../../compose/model.ts';
import { isInside, readModel } from '../../../compose/project.ts';
import { runCompose } from '../../../compose/run.ts';
import type { CreatedObjects } from '../../engine.ts';
import type { DockerApi } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { joinNetworks } from '../facts/joined-networks.ts';
import { listNetworks } from '../facts/target-facts.ts';
import { composeLabels } from '../labels.ts';
import { assertAttached, withStandIns } from './anonymous-volumes.ts';
import {
  type Container,
  inspectAll,
  inspectProject,
  pauseContainers,
  serviceOf,
  setRestartPolicy,
  startContainer,
} from './containers.ts';

const off: ContainerPrior['restart_policy'] = { name: 'no', maximum_retry_count: 0 };

const mapValues = (record: Record<string, string>, to: (value: string) => string) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value)]));

/** The project's files on the target. */
export function projectOn(deployment: Deployment): ComposeProject {
  const { source_dir, target_dir, project, override } = deployment;
  const here = (path: string) => (isInside(source_dir, path) ? join(target_dir, relative(source_dir, path)) : path);
  const own = deployment.config_files.map(here);
  // It may replace that of an earlier move.
  const added = override && join(target_dir, override.file);
  return {
    project,
    directory: target_dir,
    configFiles: own.filter((path) => path !== added).concat(added ?? []),
    envFiles: deployment.env_files.map(here),
    environment: { PWD: target_dir, ...mapValues(deployment.environment ?? {}, here) },
  };
}

/**
 * Creates containers and networks without starting any, and sets every restart policy to `no`. Reports ids also after a
 * partial failure. Throws `resource_taken` if a stack of this name has appeared since the pre-flight: Compose would
 * adopt its containers.
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
    const { services, scale, anonymous } = deployment;
    await withStandIns(context, deployment, (replaces) =>
      compose(context, wanted, createArguments(context.socketPath, wanted, { services, scale, replaces }), signal),
    );
    const containers = await inspectProject(api, deployment.project);
    assertAttached(containers, anonymous);
    await joinNetworks(api, deployment, containers);
  } finally {
    const made = await findCreated(api, deployment);
    await created(made);
    for (const id of made.containers) await setRestartPolicy(api, id, off);
  }
}

/**
 * Finds containers created from this migration's files, and the project's networks. Finds no network if a stack of the same
 * name from other files exists: it may be that stack's.
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

/** Sets the file's restart policies, and starts what should run but does not, because a lease expired. */
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

/** `restart:` takes precedence over `deploy.restart_policy`, as in Compose. */
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
  waitMs = 0,
): Promise<void> {
  const timeoutMs = limits.agent.composeWriteMsMax + waitMs;
  await runCompose({ binary: dockerBinary, arguments: args, environment, timeoutMs, signal });
}
