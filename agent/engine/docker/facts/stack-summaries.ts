import type { StackSummary } from '../../../../schema/facts.ts';
import { plainContainers } from '../adoption/plain-containers.ts';
import type { DockerApi } from '../api.ts';
import { nameOfContainer } from '../data/mount-sources.ts';
import { composeLabels, pathsIn } from '../labels.ts';
import { type ContainerSummary, listContainers } from '../stack/containers.ts';

/**
 * Every Compose project of this engine, and each running plain container as a stack of its own, from a single listing: it
 * runs every few seconds. `ownId`: the agent's container.
 */
export async function stackSummaries(api: DockerApi, ownId: string | null): Promise<StackSummary[]> {
  const all = await listContainers(api);
  const projects = summariesOf(all.filter(({ Labels }) => composeLabels.project in Labels));
  const plain = plainContainers(all, ownId);
  return [...projects, ...[...plain].map(([name, container]) => plainSummary(name, container))];
}

/** Those that Compose made and those that were adopted. */
export const projectSummaries = async (api: DockerApi): Promise<StackSummary[]> =>
  summariesOf(await listContainers(api, composeLabels.project));

function summariesOf(containers: ContainerSummary[]): StackSummary[] {
  const own = containers.filter(({ Labels }) => Labels[composeLabels.oneOff] !== 'True');
  // One-off runs write to its data too, and may be all that is left of it.
  const runs = containers.filter(({ State }) => State === 'running');
  const grouped = Map.groupBy(new Set([...own, ...runs]), ({ Labels }) => Labels[composeLabels.project] ?? '');
  return [...grouped].map(([project, all]) => {
    const members = all.filter(({ Labels }) => Labels[composeLabels.oneOff] !== 'True');
    const labels = all[0]?.Labels ?? {};
    const services = Map.groupBy(members, ({ Labels }) => Labels[composeLabels.service] ?? '');
    return {
      project,
      plain: false,
      working_dir: labels[composeLabels.workingDir] ?? '',
      config_files: pathsIn(labels, composeLabels.configFiles),
      services: [...services].map(([name, list]) => ({
        name,
        image: list[0]?.Image ?? '',
        running: list.filter(({ State }) => State === 'running').length,
        total: list.length,
      })),
      ...mountsAndPorts(members),
      running: all.some(({ State }) => State === 'running'),
    };
  });
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
