import { join, relative } from 'node:path';
import { z } from 'zod';
import { StackferryError } from '../../../schema/errors.ts';
import type { StackFacts, StackService } from '../../../schema/facts.ts';
import type { ComposeProject } from '../../compose/arguments.ts';
import type { ComposeModel } from '../../compose/model.ts';
import { isInside } from '../../compose/project.ts';
import { realOf } from '../../real-path.ts';
import type { DockerApi } from './api.ts';
import { type Container, inspectProject } from './containers.ts';
import type { DockerContext } from './context.ts';
import { stackData } from './data/stack-data.ts';
import { builtName, driftOf } from './drift/drift.ts';
import { stackImageOf } from './images.ts';
import { joinedNetworks } from './joined-networks.ts';
import { composeLabels, pathsIn } from './labels.ts';
import { powersOf } from './powers.ts';
import { absoluteLinks, filesBeyond } from './project-files.ts';
import { inferredOf, readProject } from './project-reading.ts';
import { slowestHealthcheck, unwellStateOf } from './service-state.ts';
import { stackNetworks } from './stack-networks.ts';
import { anonymousVolumes, type FoundVolumes, findStackVolumes, stackVolumes } from './stack-volumes.ts';
import { wantedDevices } from './wanted-devices.ts';

/**
 * All that a pre-flight needs to know of a stack, measured on its host: the running containers and their labels tell
 * what the stack is, the file on disk what it would be. Names and sizes; never a value of its environment.
 */
export async function stackFacts(context: DockerContext, name: string, signal: AbortSignal): Promise<StackFacts> {
  const { api } = context;
  const containers = await inspectProject(api, name, true);
  const compose = { binary: context.dockerBinary, socketPath: context.socketPath };
  const { project, model, references, errors } = await readProject(
    compose,
    projectOf(name, containers),
    containers,
    signal,
  );
  const isOrphan = (container: Container) => errors.length === 0 && !(serviceOf(container) in model.services);
  const current = containers.filter((container) => !isOrphan(container));
  const services = [...Map.groupBy(current, serviceOf)];
  const serviceNames = services.map(([service]) => service);
  const found = await findStackVolumes(context, name, containers, model);
  const [drift, data, memory] = await Promise.all([
    errors.length > 0 ? unreadable : driftOf({ api, compose, project, model, containers: current }, signal),
    stackData(context.place, dataOf(project, found), idsOf(containers), signal),
    Promise.all(containers.filter(({ State }) => State.Status === 'running').map(({ Id }) => memoryOf(api, Id))),
  ]);
  const volumes = await stackVolumes(context, name, containers, found, data);
  const binds = await bindMounts(containers, project.directory);
  const powers = powersOf(model, { directory: project.directory, own: [] });
  const sum = (sizes: (number | null)[]) => sizes.reduce((total: number, size) => total + (size ?? 0), 0);
  return {
    project: name,
    working_dir: project.directory,
    config_files: await namedInside(project, project.configFiles),
    env_files: await namedInside(project, project.envFiles),
    services: await Promise.all(
      services.map(([service, own]) => serviceFacts(api, name, service, own, model, powers.get(service) ?? [])),
    ),
    volumes,
    anonymous_volumes: anonymousVolumes(containers, found, data),
    networks: stackNetworks(name, model),
    joined_networks: errors.length > 0 ? [] : joinedNetworks(name, current, model),
    other_files: madeFromOtherFiles(project, containers),
    fixed_names: fixedNames(name, serviceNames, model),
    bind_mounts: binds,
    data: data.facts,
    project_files: {
      size_bytes: data.projectBytes,
      outside: await filesBeyond(project, references, model),
      absolute_links: await absoluteLinks(project, references, model, insideOf(binds)),
    },
    remote_includes: references.remote,
    drift,
    orphans: containers.filter(isOrphan).map((container) => ({
      container: container.Name.slice(1),
      service: serviceOf(container),
      running: container.State.Status !== 'exited' && container.State.Status !== 'created',
    })),
    environment: inferredOf(project),
    written_layers: containers.map(({ Name, SizeRw }) => ({ container: Name.slice(1), size_bytes: SizeRw ?? 0 })),
    compose_errors: [...new Set(errors)],
    usage: {
      memory_bytes: sum(memory),
      disk_bytes: sum(volumes.map(({ size_bytes }) => size_bytes)) + (data.projectBytes ?? 0),
    },
  };
}

/** A project directory that is a link has two names: files are named by the one that the target knows. */
async function namedInside({ directory }: ComposeProject, files: string[]): Promise<string[]> {
  const root = await realOf(directory);
  return files.map((path) => (isInside(root, path) ? join(directory, relative(root, path)) : path));
}

const dataOf = ({ project, directory }: ComposeProject, { named, anonymous, external }: FoundVolumes) => ({
  project,
  directory,
  volumes: named.filter(({ Name }) => !external.has(Name)),
  anonymous,
});

const idsOf = (containers: Container[]) => containers.map(({ Id }) => Id);

const unreadable = { current: null, detail: 'The file can’t be read.' };

export const serviceOf = ({ Config }: Container) => Config.Labels[composeLabels.service] ?? '';

const originOf = ({ Config: { Labels } }: Container) =>
  JSON.stringify([
    Labels[composeLabels.workingDir],
    ...pathsIn(Labels, composeLabels.configFiles),
    Labels[composeLabels.envFiles],
  ]);

function madeFromOtherFiles(
  { directory, configFiles }: ComposeProject,
  containers: Container[],
): StackFacts['other_files'] {
  return containers
    .map(({ Name, Config: { Labels } }) => ({
      container: Name.slice(1),
      directory: Labels[composeLabels.workingDir] ?? '/',
      files: pathsIn(Labels, composeLabels.configFiles),
    }))
    .filter((one) => one.directory !== directory || one.files.join() !== configFiles.join())
    .map(({ container, files }) => ({ container, files }));
}

/** Where a project's files are, by the labels that Compose left on its containers. Throws `stack_not_found`. */
export function projectOf(name: string, containers: Container[]): ComposeProject {
  // Containers of one project may come from several runs of Compose, with other files each: most of them decide.
  const [most] = [...Map.groupBy(containers, originOf).values()].sort((one, other) => other.length - one.length);
  const labels = most?.[0]?.Config.Labels;
  if (!labels) throw new StackferryError('stack_not_found', `No container of a project named "${name}" is here.`);
  const directory = labels[composeLabels.workingDir] ?? '/';
  return {
    project: name,
    directory,
    configFiles: pathsIn(labels, composeLabels.configFiles),
    envFiles: pathsIn(labels, composeLabels.envFiles),
    environment: { PWD: directory },
  };
}

/** What its policy would have started again was stopped by somebody, and is no job. */
const hasDoneItsJob = ({ State, HostConfig }: Container) =>
  State.Status === 'exited' &&
  State.ExitCode === 0 &&
  !['always', 'unless-stopped'].includes(HostConfig.RestartPolicy.Name);

async function serviceFacts(
  api: DockerApi,
  project: string,
  name: string,
  own: Container[],
  model: ComposeModel,
  powers: StackService['powers'],
): Promise<StackService> {
  const service = model.services[name];
  const [first] = own;
  const built = service?.build === undefined ? undefined : builtName(project, name);
  const reference = service?.image ?? built ?? first?.Config.Image ?? '';
  const daemons = own.filter(({ State }) => ['running', 'restarting', 'paused'].includes(State.Status));
  const isJob = daemons.length === 0 && own.every(hasDoneItsJob);
  return {
    name,
    image: await stackImageOf(api, reference, first?.Image ?? ''),
    replicas: own.length,
    running: daemons.length,
    has_healthcheck: own.some(({ State }) => State.Health != null),
    one_shot: isJob,
    unwell: unwellStateOf(own, isJob),
    health_wait_s: slowestHealthcheck(own),
    builds: service?.build !== undefined,
    ports: own.flatMap(publishedPorts).filter(firstOfItsKind),
    ...wantedDevices(service),
    stop_hooks: (service?.pre_stop ?? []).length > 0,
    powers,
  };
}

/** What the container has bound, so that a port the engine chose at random counts as none. */
function publishedPorts({ HostConfig }: Container): StackService['ports'] {
  return Object.entries(HostConfig.PortBindings).flatMap(([inside, bindings]) =>
    bindings.flatMap(({ HostIp, HostPort }) => {
      const [from, to = from] = HostPort.split('-').map(Number);
      const protocol = inside.split('/')[1];
      if (!from || !to || (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')) return [];
      return Array.from({ length: to - from + 1 }, (_, i) => ({ host_ip: HostIp, port: from + i, protocol }) as const);
    }),
  );
}

/** Judged by real path: a link of the project directory may lead anywhere, and the data stays where it leads. */
async function bindMounts(containers: Container[], directory: string): Promise<StackFacts['bind_mounts']> {
  const root = await realOf(directory);
  const isNamedInside = (path: string) => isInside(directory, path) || isInside(root, path);
  const binds = containers.flatMap((container) =>
    container.Mounts.filter(({ Type }) => Type === 'bind').map(async ({ Source, Destination }) => {
      const real = await realOf(Source);
      const inside_project = isNamedInside(Source) && isInside(root, real);
      const link = isNamedInside(Source) && !inside_project ? Source : null;
      return { service: serviceOf(container), source: link ? real : Source, target: Destination, inside_project, link };
    }),
  );
  return (await Promise.all(binds)).filter(firstOfItsKind);
}

const insideOf = (binds: StackFacts['bind_mounts']) =>
  binds.filter(({ inside_project }) => inside_project).map(({ source }) => source);

/** Names that the file fixes; those that Compose makes from the project's name are `project_free`'s business. */
function fixedNames(project: string, services: string[], model: ComposeModel): StackFacts['fixed_names'] {
  const containers = services.flatMap((service) => model.services[service]?.container_name ?? []);
  const networks = Object.entries(model.networks).flatMap(([key, network]) =>
    network?.name && !network.external && network.name !== `${project}_${key}` ? [network.name] : [],
  );
  return [
    ...containers.map((name) => ({ kind: 'container' as const, name })),
    ...networks.map((name) => ({ kind: 'network' as const, name })),
  ];
}

const memoryAnswer = z.object({
  memory_stats: z.object({
    usage: z.number().optional(),
    stats: z.object({ inactive_file: z.number().optional(), total_inactive_file: z.number().optional() }).optional(),
  }),
});

/** As `docker stats` counts it: without the page cache that can be dropped. */
async function memoryOf(api: DockerApi, id: string): Promise<number> {
  const answer = await api.find(`/containers/${id}/stats?stream=false&one-shot=true`, memoryAnswer);
  const { usage = 0, stats = {} } = answer?.memory_stats ?? {};
  return Math.max(0, usage - (stats.inactive_file ?? stats.total_inactive_file ?? 0));
}

function firstOfItsKind<T>(item: T, index: number, all: T[]): boolean {
  const text = JSON.stringify(item);
  return all.findIndex((other) => JSON.stringify(other) === text) === index;
}
