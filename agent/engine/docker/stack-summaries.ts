import type { StackSummary } from '../../../schema/facts.ts';
import type { DockerApi } from './api.ts';
import { listContainers } from './containers.ts';
import { composeLabels, pathsIn } from './labels.ts';

/** Every Compose project of this engine, from one listing: it is asked for every few seconds. */
export async function stackSummaries(api: DockerApi): Promise<StackSummary[]> {
  const containers = await listContainers(api, composeLabels.project);
  const own = containers.filter(({ Labels }) => Labels[composeLabels.oneOff] !== 'True');
  const projects = Map.groupBy(own, ({ Labels }) => Labels[composeLabels.project] ?? '');
  return [...projects].map(([project, members]) => {
    const labels = members[0]?.Labels ?? {};
    const services = Map.groupBy(members, ({ Labels }) => Labels[composeLabels.service] ?? '');
    const mounts = members.flatMap(({ Mounts }) => Mounts);
    const ports = members.flatMap(({ Ports }) =>
      Ports.flatMap(({ IP, PublicPort, Type }) =>
        PublicPort && (Type === 'tcp' || Type === 'udp' || Type === 'sctp')
          ? [{ host_ip: IP ?? '', port: PublicPort, protocol: Type } as const]
          : [],
      ),
    );
    return {
      project,
      working_dir: labels[composeLabels.workingDir] ?? '',
      config_files: pathsIn(labels, composeLabels.configFiles),
      services: [...services].map(([name, list]) => ({
        name,
        image: list[0]?.Image ?? '',
        running: list.filter(({ State }) => State === 'running').length,
        total: list.length,
      })),
      volumes: distinct(mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name ? [Name] : []))),
      ports: ports.filter(
        ({ port, protocol }, i) => ports.findIndex((p) => p.port === port && p.protocol === protocol) === i,
      ),
      bind_mounts: distinct(mounts.flatMap(({ Type, Source }) => (Type === 'bind' && Source ? [Source] : []))),
      // One-off runs write its data too.
      running: containers.some(({ State, Labels }) => State === 'running' && Labels[composeLabels.project] === project),
    };
  });
}

const distinct = (items: string[]) => [...new Set(items)].sort();
