import { StackferryError } from '../../../../schema/errors.ts';
import type { StackNetwork } from '../../../../schema/network-facts.ts';
import type { ComposeModel } from '../../../compose/model.ts';
import type { DockerApi } from '../api.ts';
import { readHostNetwork } from '../facts/host-network.ts';
import { type networkAnswer, networkObstacles } from '../facts/network-conflicts.ts';
import { stackNetworks } from '../facts/stack-networks.ts';
import { listNetworks } from '../facts/target-facts.ts';
import { composeLabels } from '../labels.ts';

/**
 * The pre-flight judged the networks that the source reported. Those of the file that arrived must not take the host's own
 * addresses or routes either: the host would lose its control plane, and its other stacks their peers. Throws `policy_refused`.
 */
export async function assertNetworksFit(api: DockerApi, project: string, model: ComposeModel): Promise<void> {
  const [present, host] = await Promise.all([listNetworks(api), readHostNetwork()]);
  const isMade = (wanted: StackNetwork) => present.some((network) => isMadeAs(network, wanted, project));
  const wanted = stackNetworks(project, model).filter((network) => !network.external && !isMade(network));
  const obstacles = networkObstacles(wanted, present, host);
  if (obstacles.length === 0) return;
  const words = obstacles.map(({ name, why }) => `${name}: ${why}`).join('; ');
  throw new StackferryError('policy_refused', `This host refuses the compose file that arrived: ${words}.`);
}

/** True for a network that staging, or an earlier try, created. */
function isMadeAs({ Name, Labels, IPAM }: Network, { name, subnets }: StackNetwork, project: string): boolean {
  const here = (IPAM?.Config ?? []).map(({ Subnet }) => Subnet);
  return Name === name && Labels?.[composeLabels.project] === project && subnets.every((one) => here.includes(one));
}

type Network = ReturnType<typeof networkAnswer.parse>;
