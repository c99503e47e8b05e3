import { describe, expect, it, onTestFinished } from 'vitest';
import {
  listWholeNetworks,
  networkDifferences,
  withSettings,
} from '../../../../agent/engine/docker/facts/external-networks.ts';
import { createNetwork, removeNetworks } from '../../../../agent/engine/docker/stack/external-network.ts';
import { type StackNetwork, stackNetwork } from '../../../../schema/network-facts.ts';
import { startEngine } from '../engine-server.ts';

const label = 'dev.stackferry.migration';
const edge = {
  ...{ Id: 'n1', Name: 'edge', Driver: 'bridge', Internal: true, Attachable: true, EnableIPv6: true },
  Options: { 'com.docker.network.driver.mtu': '1400' },
  Labels: { team: 'web' } as Record<string, string>,
  IPAM: {
    Driver: 'default',
    Config: [
      {
        Subnet: '10.99.7.0/24',
        IPRange: '10.99.7.128/25',
        Gateway: '10.99.7.1',
        AuxiliaryAddresses: { printer: '10.99.7.9' },
      },
      { Subnet: 'fd00:99::/64', Gateway: 'fd00:99::1/64' },
    ],
  },
};
const external = stackNetwork.parse({ name: 'edge', external: true });

/** An engine with these networks; what it was asked to change is in `asked`. */
async function engine(networks: object[], users: object[] = []) {
  const asked: string[] = [];
  const started = await startEngine((path, answer, request) => {
    if (request.method === 'GET') return answer.end(JSON.stringify(path.startsWith('/networks') ? networks : users));
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      asked.push(`${request.method} ${path} ${body}`.trim());
      answer.statusCode = request.method === 'POST' ? 201 : 204;
      answer.end(request.method === 'POST' ? '{}' : '');
    });
  });
  onTestFinished(started.close);
  return { api: started.api, asked };
}

async function specOf(network: object) {
  const { api } = await engine([network]);
  const [{ settings } = { settings: null }] = await withSettings(api, [external]);
  return { ...settings!, name: 'edge' };
}

describe('R6: an external network on the target', () => {
  it('is made with all that it is on the source', async () => {
    const spec = await specOf(edge);
    const { api, asked } = await engine([]);
    expect(await createNetwork(api, spec, 'mig_1')).toBe(true);
    expect(asked).toHaveLength(1);
    const { Id: _, ...rest } = edge;
    const [v4, v6] = edge.IPAM.Config;
    expect(JSON.parse(asked[0]!.replace('POST /networks/create ', ''))).toEqual({
      ...rest,
      Labels: { team: 'web', [label]: 'mig_1' },
      IPAM: { Driver: 'default', Config: [v4, { ...v6, Gateway: 'fd00:99::1' }] },
    });
  });

  it('is left as it is where one of its name is there, and is this migration’s only by its label', async () => {
    const spec = await specOf(edge);
    for (const [maker, made] of [
      ['mig_1', true],
      ['mig_0', false],
    ] as const) {
      const { api, asked } = await engine([{ ...edge, Labels: { [label]: maker } }]);
      expect(await createNetwork(api, spec, 'mig_1')).toBe(made);
      expect(asked).toEqual([]);
    }
  });

  it.each([
    ['what another network uses', edge, [{ ...edge, Id: 'n2', Name: 'lan' }], 'network lan uses it'],
    [
      'an interface that the host lacks',
      { ...edge, Driver: 'macvlan', Options: { parent: 'no0' } },
      [],
      'no such interface',
    ],
    ['a driver of a plugin', { ...edge, Driver: 'weave' }, [], 'its driver is weave'],
  ])('is not made with %s', async (_, source, here, why) => {
    const spec = await specOf(source);
    const { api, asked } = await engine(here);
    await expect(createNetwork(api, spec, 'mig_1')).rejects.toMatchObject({
      code: 'policy_refused',
      message: expect.stringContaining(why),
    });
    expect(asked).toEqual([]);
  });

  it('is removed by an undo only if this migration made it and no container has it', async () => {
    const own = { ...edge, Labels: { [label]: 'mig_1' } };
    const removed = async (network: object, users: object[] = []) => {
      const { api, asked } = await engine([network], users);
      await removeNetworks(api, ['edge'], 'mig_1');
      return asked;
    };
    expect(await removed(own)).toEqual(['DELETE /networks/n1']);
    expect(await removed(edge)).toEqual([]);
    expect(await removed(own, [{ Id: 'stopped' }])).toEqual([]);
  });

  it('is named if it has other settings there', async () => {
    const { name: _, ...settings } = await specOf(edge);
    const wanted: StackNetwork = { ...external, settings };
    const { api } = await engine([{ ...edge, Driver: 'ipvlan', IPAM: { Driver: 'default', Config: [] } }]);
    const here = await listWholeNetworks(api);
    expect(networkDifferences([wanted], here)).toEqual([
      {
        name: 'edge',
        differs: ['driver: ipvlan, on the source bridge', 'subnets: none, on the source 10.99.7.0/24 fd00:99::/64'],
      },
    ]);
  });
});
