import type { StackSummary } from '../../../../schema/facts.ts';
import type { DockerApi } from '../api.ts';
import { composeLabels, pathsIn } from '../labels.ts';
import { listContainers } from '../stack/containers.ts';

/** Every Compose project of this engine, from a single listing: it runs every few seconds. */
export async function stackSummaries(api: DockerApi): Promise<StackSummary[]> {
  const containers = await listContainers(api, composeLabels.project);
  const own = containers.filter(({ Labels }) => Labels[composeLabels.oneOff] !== 'True');
  // One-off runs write to its data too, and may be all that is left of it.
  const runs = containers.filter(({ State }) => State === 'running');
  const projects = Map.groupBy(new Set([...own, ...runs]), ({ Labels }) => Labels[composeLabels.project] ?? '');
  return [...projects].map(([project, all]) => {
    const members = all.filter(({ Labels }) => Labels[composeLabels.oneOff] !== 'True');
    const labels = all[0]?.Labels ?? {};
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
      running: all.some(({ State }) => State === 'running'),
    };
  });
}

const distinct = (items: string[]) => [...new Set(items)].sort();
