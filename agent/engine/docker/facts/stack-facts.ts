import { join, relative } from 'node:path';
import { z } from 'zod';
import type { StackFacts, StackService } from '../../../../schema/facts.ts';
import type { ComposeProject } from '../../../compose/arguments.ts';
import type { ComposeModel } from '../../../compose/model.ts';
import { isInside } from '../../../compose/project.ts';
import { realOf } from '../../../real-path.ts';
import { refusePlain } from '../adoption/plain-containers.ts';
import type { DockerApi } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { bindTrees } from '../data/bind-trees.ts';
import { beginSurveys, stackData } from '../data/stack-data.ts';
import { projectPaths } from '../path-maps/project-paths.ts';
import { privilegesOf } from '../policy/privileges.ts';
import { absoluteLinks, filesBeyond } from '../policy/project-files.ts';
import { type Container, inspectProject, serviceOf } from '../stack/containers.ts';
import { findBinds, firstOfItsKind } from './bind-mounts.ts';
import { asWritten } from './drift/as-written.ts';
import { type Drift, driftOf } from './drift/drift.ts';
import { withSettings } from './external-networks.ts';
import { joinedNetworks } from './joined-networks.ts';
import { neededIn, neededPaths } from './needed-paths.ts';
import { overrideName } from './override-name.ts';
import { projectOrigin } from './project-origin.ts';
import { inferredOf, readProject } from './project-reading.ts';
import { portsAsMade, portsAsWritten } from './published-ports.ts';
import { slowestHealthcheck, unwellStateOf } from './service-state.ts';
import { serviceImage } from './stack-images.ts';
import { stackNetworks } from './stack-networks.ts';
import {
  anonymousVolumes,
  type FoundVolumes,
  findStackVolumes,
  mountedBy,
  othersUsing,
  stackVolumes,
} from './stack-volumes.ts';
import { wantedDevices } from './wanted-devices.ts';

/**
 * Collects all that a pre-flight needs to know about a stack on its host: what it is, from the containers and their
 * labels, and what it would be, from the files. Names and sizes; never an environment value.
 */
export async function stackFacts(
  context: DockerContext,
  name: string,
  signal: AbortSignal,
  { environment = {}, exclude = [] }: { environment?: Record<string, string>; exclude?: string[] } = {},
): Promise<StackFacts> {
  const { api } = context;
  const containers = await inspectProject(api, name, true);
  if (containers.length === 0) await refusePlain(context, name);
  const compose = { binary: context.dockerBinary, socketPath: context.socketPath };
  const origin = await projectOrigin(name, containers, projectPaths(context));
  const mounted = mountedBy(containers);
  const surveys = await beginSurveys(context, { directory: origin.project.directory, mounted, exclude }, signal);
  const reading = await readProject(compose, { ...origin, given: environment }, containers, signal, context.own);
  const { project, model, references, errors } = reading;
  const isOrphan = (container: Container) => errors.length === 0 && !(serviceOf(container) in model.services);
  const current = containers.filter((container) => !isOrphan(container));
  const services = [...Map.groupBy(current, serviceOf)];
  const serviceNames = services.map(([service]) => service);
  const drift =
    errors.length > 0 ? unreadable : await driftOf({ api, compose, project, model, containers: current }, signal);
  const drifted = drift.services;
  const found = await findStackVolumes(context, name, containers, model, drifted);
  const mounts = await findBinds(containers, model, drifted, project.directory, found.bound);
  const { binds } = mounts;
  const trees = await bindTrees(context, name, project.directory, binds);
  const measurable = trees
    .filter(({ kind, reaches }) => kind === 'directory' && reaches === null)
    .map(({ path }) => path);
  const [data, memory] = await Promise.all([
    stackData(context, { ...dataOf(project, found), binds: measurable, exclude, surveys }, idsOf(containers)),
    Promise.all(containers.filter(({ State }) => State.Status === 'running').map(({ Id }) => memoryOf(api, Id))),
  ]);
  const usersOf = await othersUsing(context, name, containers);
  const volumes = stackVolumes(found, data, usersOf);
  const needs = neededPaths(project, references, model, binds);
  const exclusionOf = async (directory: string) => ({
    left: data.leftOutOf(directory),
    needed: await neededIn(directory, needs, exclude),
  });
  const powers = privilegesOf(model, { directory: project.directory, own: [] });
  const sum = (sizes: (number | null)[]) => sizes.reduce((total: number, size) => total + (size ?? 0), 0);
  return {
    project: name,
    names_itself: true,
    working_dir: project.directory,
    config_files: await namedInside(project, project.configFiles),
    env_files: await namedInside(project, project.envFiles),
    services: await Promise.all(
      services.map(([service, own]) =>
        serviceFacts(api, name, service, own, model, {
          powers: powers.get(service) ?? [],
          drifted: drifted.has(service),
        }),
      ),
    ),
    volumes,
    anonymous_volumes: anonymousVolumes(current, found, data, usersOf),
    networks: await withSettings(api, stackNetworks(name, model)),
    joined_networks: errors.length > 0 ? [] : joinedNetworks(name, current, model),
    other_files: origin.otherFiles,
    managers: origin.managers,
    fixed_names: fixedNames(name, serviceNames, model),
    bind_mounts: binds,
    bind_trees: await Promise.all(
      trees.map(async (tree) => ({
        ...tree,
        size_bytes: data.sizeOfBind(tree.path),
        mounted: !mounts.unmounted.has(tree.path),
        exclusion: await exclusionOf(tree.path),
      })),
    ),
    override_name: await overrideName(project),
    data: data.facts,
    project_files: {
      size_bytes: data.projectBytes,
      outside: await filesBeyond(project, references, model),
      absolute_links: await absoluteLinks(project, references, model, insideOf(binds)),
      exclusion: await exclusionOf(project.directory),
    },
    remote_includes: references.remote,
    drift: {
      current: drift.current,
      detail: drift.detail,
      services: [...drifted],
      as_written: await asWritten({ api, model, containers: current, drifted, volumes: found, binds: mounts }),
    },
    orphans: containers.filter(isOrphan).map((container) => ({
      container: container.Name.slice(1),
      service: serviceOf(container),
      running: container.State.Status !== 'exited' && container.State.Status !== 'created',
    })),
    environment: inferredOf(project),
    unknown_variables: reading.unknown,
    written_layers: containers.map(({ Name, SizeRw }) => ({ container: Name.slice(1), size_bytes: SizeRw ?? 0 })),
    compose_errors: [...new Set(errors)],
    usage: {
      memory_bytes: sum(memory),
      disk_bytes:
        sum(volumes.map(({ external, size_bytes }) => (external ? 0 : size_bytes))) + (data.projectBytes ?? 0),
    },
  };
}

/** A project directory that is a symlink has two paths: files get the one that the target knows. */
async function namedInside({ directory }: ComposeProject, files: string[]): Promise<string[]> {
  const root = await realOf(directory);
  return files.map((path) => (isInside(root, path) ? join(directory, relative(root, path)) : path));
}

const dataOf = ({ project, directory }: ComposeProject, { named, anonymous, external }: FoundVolumes) => ({
  project,
  directory,
  volumes: [...named.filter(({ Name }) => !external.has(Name)), ...anonymous],
  external: named.filter(({ Name }) => external.has(Name)),
});

const idsOf = (containers: Container[]) => containers.map(({ Id }) => Id);

const unreadable: Drift = { current: null, detail: 'The file can’t be read.', services: new Set() };

/** A container that its policy would have restarted was stopped by a person, and is not a job. */
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
  { powers, drifted }: { powers: StackService['powers']; drifted: boolean },
): Promise<StackService> {
  const service = model.services[name];
  const daemons = own.filter(({ State }) => ['running', 'restarting', 'paused'].includes(State.Status));
  const isJob = daemons.length === 0 && own.every(hasDoneItsJob);
  return {
    name,
    image: await serviceImage(api, project, name, own, model),
    replicas: own.length,
    running: daemons.length,
    has_healthcheck: own.some(({ State }) => State.Health != null),
    one_shot: isJob,
    unwell: unwellStateOf(own, isJob),
    health_wait_s: slowestHealthcheck(own),
    builds: service?.build !== undefined,
    ports: (service && drifted ? portsAsWritten(service) : own.flatMap(portsAsMade)).filter(firstOfItsKind),
    ...wantedDevices(service),
    stop_hooks: (service?.pre_stop ?? []).length > 0,
    powers,
    keys: service?.keys ?? [],
  };
}

const insideOf = (binds: StackFacts['bind_mounts']) =>
  binds.filter(({ inside_project }) => inside_project).map(({ source }) => source);

/** Names fixed by the file. Names that Compose derives from the project's name belong to `project_free`. */
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

/** Like `docker stats`: without reclaimable page cache. */
async function memoryOf(api: DockerApi, id: string): Promise<number> {
  const answer = await api.find(`/containers/${id}/stats?stream=false&one-shot=true`, memoryAnswer);
  const { usage = 0, stats = {} } = answer?.memory_stats ?? {};
  return Math.max(0, usage - (stats.inactive_file ?? stats.total_inactive_file ?? 0));
}
