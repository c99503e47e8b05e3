import { z } from 'zod';
import type { ExternalNetwork } from '../../../../schema/commands/parts.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import { makeableNetwork } from '../../../../schema/network-facts.ts';
import { type DockerApi, EngineAnswer, filters, nothing } from '../api.ts';
import { fixedBy, listWholeNetworks } from '../facts/external-networks.ts';
import { readHostNetwork } from '../facts/host-network.ts';
import { networkObstacles } from '../facts/network-conflicts.ts';
import { migrationLabel } from '../labels.ts';

/**
 * Makes a network as it is on the source. False if one of its name is here that this migration did not make: it is left as
 * it is. Throws `policy_refused` if this network would take what the host or another network has.
 */
export async function createNetwork(api: DockerApi, spec: ExternalNetwork, migrationId: string): Promise<boolean> {
  const { name, driver, options, labels, internal, attachable, ipv6, pools } = spec;
  const [here, host] = await Promise.all([listWholeNetworks(api), readHostNetwork()]);
  const existing = here.find(({ Name }) => Name === name);
  if (existing) return existing.Labels[migrationLabel] === migrationId;
  // The source reported it, and root there can report anything.
  const wanted = { name, external: false, addresses: [], settings: null, ...fixedBy(spec) };
  const obstacles = networkObstacles([wanted], here, host).map((one) => `${one.name}: ${one.why}`);
  if (!makeableNetwork(spec)) obstacles.push(`its driver is ${driver}`);
  if (obstacles.length > 0)
    throw new StackferryError('policy_refused', `Network ${name} is not made here: ${obstacles.join('; ')}.`);
  const body = {
    Name: name,
    Driver: driver,
    Options: options,
    Labels: { ...labels, [migrationLabel]: migrationId },
    Internal: internal,
    Attachable: attachable,
    EnableIPv6: ipv6,
    IPAM: {
      Driver: 'default',
      Config: pools.map(({ subnet, ip_range, gateway, reserved }) => ({
        Subnet: subnet,
        ...(ip_range ? { IPRange: ip_range } : {}),
        ...(gateway ? { Gateway: gateway } : {}),
        ...(Object.keys(reserved).length > 0 ? { AuxiliaryAddresses: reserved } : {}),
      })),
    },
  };
  await api.post('/networks/create', body, nothing);
  return true;
}

/** A container may have joined it just now. */
function unlessInUse(error: unknown): void {
  if (!(error instanceof EngineAnswer && error.status === 403)) throw error;
}

/** Removes those that this migration made and no container is connected to, running or not. */
export async function removeNetworks(api: DockerApi, names: string[], migrationId: string): Promise<void> {
  if (names.length === 0) return;
  const made = (await listWholeNetworks(api)).filter(
    ({ Name, Labels }) => names.includes(Name) && Labels[migrationLabel] === migrationId,
  );
  for (const { Id, Name } of made) {
    const users = await api.get(`/containers/json?all=1&${filters({ network: [Name] })}`, z.array(z.unknown()));
    if (users.length === 0) await api.delete(`/networks/${Id}`).catch(unlessInUse);
  }
}
