import type { StackSummary } from '../../../../schema/facts.ts';
import { plainContainers } from '../adoption/plain-containers.ts';
import { nameOfContainer } from '../data/mount-sources.ts';
import { composeLabels } from '../labels.ts';
import { type MapContext, projectPaths } from '../path-maps/project-paths.ts';
import { type ContainerSummary, listContainers } from '../stack/containers.ts';

/**
 * Every Compose project of this engine, and each running plain container as a stack of its own, mostly from a single
 * listing: it runs every few seconds.
 */
export async function stackSummaries(context: MapContext): Promise<StackSummary[]> {
  const all = await listContainers(context.api);
  const projects = await summariesOf(
    context,
    all.filter(({ Labels }) => composeLabels.project in Labels),
  );
  const plain = plainContainers(all, context.own?.id ?? null);
  return [...projects, ...[...plain].map(([name, container]) => plainSummary(name, container))];
}

/** Those that Compose made and those that were adopted. */
export const projectSummaries = async (context: MapContext): Promise<StackSummary[]> =>
  summariesOf(context, await listContainers(context.api, composeLabels.project));

function summariesOf(context: MapContext, containers: ContainerSummary[]): Promise<StackSummary[]> {
  const own = containers.filter(({ Labels }) => Labels[composeLabels.oneOff] !== 'True');
  // One-off runs write to its data too, and may be all that is left of it.
  const runs = containers.filter(({ State }) => State === 'running');
  const projects = Map.groupBy(new Set([...own, ...runs]), ({ Labels }) => Labels[composeLabels.project] ?? '');
  const pathsOf = projectPaths(context);
  const summary = async ([project, all]: [string, ContainerSummary[]]): Promise<StackSummary> => {
    const members = all.filter(({ Labels }) => Labels[composeLabels.oneOff] !== 'True');
    const { directory, configFiles } = await pathsOf(all[0]?.Labels ?? {});
    const services = Map.groupBy(members, ({ Labels }) => Labels[composeLabels.service] ?? '');
    return {
      project,
      plain: false,
      working_dir: directory,
      config_files: configFiles,
      services: [...services].map(([name, list]) => ({
        name,
        image: list[0]?.Image ?? '',
        running: list.filter(({ State }) => State === 'running').length,
        total: list.length,
        finished: list.filter(({ State, Status }) => State === 'exited' && Status?.startsWith('Exited (0)')).length,
      })),
      ...mountsAndPorts(members),
      running: all.some(({ State }) => State === 'running'),
    };
  };
  return Promise.all([...projects].map(summary));
}

function plainSummary(project: string, container: ContainerSummary): StackSummary {
  const running = container.State === 'running';
  return {
    project,
    plain: true,
    working_dir: '',
    config_files: [],
    services: [{ name: nameOfContainer(container), image: container.Image, running: running ? 1 : 0, total: 1 }],
    ...mountsAndPorts([container]),
    running,
  };
}

function mountsAndPorts(containers: ContainerSummary[]): Pick<StackSummary, 'volumes' | 'ports' | 'bind_mounts'> {
  const mounts = containers.flatMap(({ Mounts }) => Mounts);
  const ports = containers.flatMap(({ Ports }) =>
    Ports.flatMap(({ IP, PublicPort, Type }) =>
      PublicPort && (Type === 'tcp' || Type === 'udp' || Type === 'sctp')
        ? [{ host_ip: IP ?? '', port: PublicPort, protocol: Type } as const]
        : [],
    ),
  );
  return {
    volumes: distinct(mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : []))),
    ports: ports.filter(
      ({ port, protocol }, i) => ports.findIndex((p) => p.port === port && p.protocol === protocol) === i,
    ),
    bind_mounts: distinct(mounts.flatMap(({ Type, Source }) => (Type === 'bind' && Source ? [Source] : []))),
  };
}

const distinct = (items: string[]) => [...new Set(items)].sort();
