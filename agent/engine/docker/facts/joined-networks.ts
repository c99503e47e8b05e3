import type { Deployment } from '../../../../schema/deployment.ts';
import type { JoinedNetwork } from '../../../../schema/network-facts.ts';
import type { ComposeModel } from '../../../compose/model.ts';
import { type DockerApi, nothing } from '../api.ts';
import { composeLabels } from '../labels.ts';
import type { Container } from '../stack/containers.ts';
import { serviceOf } from '../stack/containers.ts';
import { stackNetworks } from './stack-networks.ts';
import { listNetworks } from './target-facts.ts';

/** Networks that containers were connected to by `docker network connect`, so that the file does not name them. */
export function joinedNetworks(project: string, containers: Container[], model: ComposeModel): JoinedNetwork[] {
  const keys = Object.keys(model.networks);
  const nameOf = new Map(stackNetworks(project, model).map(({ name }, index) => [keys[index], name]));
  return containers.flatMap(({ Id, Config, NetworkSettings }) => {
    const service = serviceOf({ Config });
    const own = model.services[service];
    // A container in a shared network namespace has no networks of its own.
    if (!own || own.network_mode) return [];
    const named = new Set(
      Object.keys(own.networks ?? { default: null }).map((key) => nameOf.get(key) ?? `${project}_${key}`),
    );
    return Object.entries(NetworkSettings.Networks)
      .filter(([network]) => !named.has(network))
      .map(([network, endpoint]) => ({
        service,
        number: Number(Config.Labels[composeLabels.number] ?? 1),
        network,
        // Engines before 26 list the container's short id among them.
        aliases: (endpoint?.Aliases ?? []).filter((alias) => !Id.startsWith(alias)),
      }));
  });
}

/** Reconnects created containers to those networks that exist on this host. */
export async function joinNetworks(api: DockerApi, deployment: Deployment, containers: Container[]): Promise<void> {
  const wanted = deployment.joined_networks ?? [];
  const present = wanted.length > 0 ? await listNetworks(api) : [];
  for (const { service, number, network, aliases } of wanted) {
    const there = present.find(({ Name }) => Name === network);
    const container = containers.find(
      ({ Config: { Labels } }) =>
        Labels[composeLabels.service] === service && Number(Labels[composeLabels.number] ?? 1) === number,
    );
    if (!there || !container || network in container.NetworkSettings.Networks) continue;
    const body = { Container: container.Id, EndpointConfig: { Aliases: aliases } };
    await api.post(`/networks/${there.Id}/connect`, body, nothing);
  }
}
