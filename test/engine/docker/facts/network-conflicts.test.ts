import { describe, expect, it } from 'vitest';
import { composeModel } from '../../../../agent/compose/model.ts';
import {
  type HostNetwork,
  readHostNetwork,
  routes6In,
  routesIn,
} from '../../../../agent/engine/docker/facts/host-network.ts';
import { addressesAbsent, networkObstacles } from '../../../../agent/engine/docker/facts/network-conflicts.ts';
import { stackNetworks } from '../../../../agent/engine/docker/facts/stack-networks.ts';
import type { PublishedPort } from '../../../../schema/facts.ts';

const host: HostNetwork = {
  addresses: ['127.0.0.1', '192.168.7.20', 'fd00:7::20'],
  interfaces: ['lo', 'eth0', 'docker0'],
  routes: [
    { subnet: '192.168.7.0/24', device: 'eth0' },
    { subnet: '10.0.0.0/8', device: 'wg0' },
    { subnet: '10.60.4.0/24', device: 'tun0' },
  ],
  bindsAny: false,
};
const port = (host_ip: string): PublishedPort => ({ host_ip, port: 80, protocol: 'tcp' });

it('P18 R10: an address to publish on that the target does not have is found, its own and "all" are not', () => {
  const ports = [
    '',
    '0.0.0.0',
    '::',
    '127.0.0.1',
    '127.0.0.53',
    '192.168.7.20',
    '[fd00:7::20]',
    '10.95.0.2',
    'fd00:9::1',
  ];
  expect(addressesAbsent(ports.map(port), host)).toEqual(['10.95.0.2', 'fd00:9::1']);
  expect(addressesAbsent([port('10.95.0.2')], { ...host, bindsAny: true })).toEqual([]);
});

/** What Compose prints of a stack whose network is this. */
const networks = (network: object, joined: object = {}) =>
  stackNetworks(
    'shop',
    composeModel.parse({ name: 'shop', services: { web: { networks: { n: joined } } }, networks: { n: network } }),
  );
const subnet = (...subnets: string[]) => ({ ipam: { config: subnets.map((one) => ({ subnet: one })) } });
const engineNetwork = (Name: string, more: object) => ({ Id: Name, Name, ...more });
const present = [
  engineNetwork('bridge', { IPAM: { Config: [{ Subnet: '172.17.0.0/16' }] } }),
  engineNetwork('host', { IPAM: { Config: null } }),
  engineNetwork('lan', { IPAM: { Config: [{}] }, Options: { parent: 'eth0.50' } }),
  engineNetwork('edge', {
    IPAM: { Config: [{ Subnet: '10.7.0.0/24' }] },
    Containers: { c1: { Name: 'proxy', IPv4Address: '10.7.0.9/24', IPv6Address: '' } },
  }),
];

describe('P18 R10: a network of the file that the target cannot have is found before anything stops', () => {
  it.each([
    ['a subnet inside one of another network', subnet('172.17.5.0/24'), 'network bridge uses it'],
    ['a subnet around one of another network', subnet('172.16.0.0/12'), 'network bridge uses it'],
    [
      'a subnet with an address of the host',
      subnet('192.168.7.0/28', '192.168.7.16/28'),
      'address 192.168.7.20 lies in it',
    ],
    ['an IPv6 subnet with an address of the host', subnet('fd00:7::/64'), 'address fd00:7::20 lies in it'],
    ['a subnet that the host reaches elsewhere', subnet('10.60.0.0/16'), 'reaches 10.60.4.0/24 over tun0'],
    ['a parent interface that is absent', { driver: 'macvlan', driver_opts: { parent: 'eth9' } }, 'no such interface'],
    ['a parent interface in use', { driver: 'macvlan', driver_opts: { parent: 'eth0.50' } }, 'network lan uses it'],
    [
      'a bridge name in use',
      { driver_opts: { 'com.docker.network.bridge.name': 'docker0' } },
      'interface of that name',
    ],
  ])('%s', (_, network, why) => {
    expect(networkObstacles(networks(network), present, host)).toEqual([
      { name: expect.stringContaining('network shop_n'), why: expect.stringContaining(why) },
    ]);
  });

  it.each([
    ['the engine chooses', {}],
    ['a free subnet', subnet('10.44.0.0/24')],
    ['a subnet of a wider route, as of a VPN', subnet('10.44.0.0/16')],
    [
      'a macvlan in the host’s own subnet',
      { ...subnet('192.168.7.0/24'), driver: 'macvlan', driver_opts: { parent: 'eth0' } },
    ],
    ['a VLAN that the engine makes on an interface', { driver: 'ipvlan', driver_opts: { parent: 'eth0.7' } }],
  ])('none where %s', (_, network) => {
    expect(networkObstacles(networks(network), present, host)).toEqual([]);
  });

  it('a fixed address in an external network that another container has there, or that its subnet does not hold', () => {
    const edge = (ipv4_address: string) =>
      networkObstacles(networks({ name: 'edge', external: true }, { ipv4_address }), present, host);
    expect(edge('10.7.0.9')).toEqual([{ name: 'address 10.7.0.9 in network edge', why: 'container proxy has it' }]);
    expect(edge('10.8.0.9')).toEqual([
      { name: 'address 10.8.0.9 in network edge', why: 'the network has the subnet 10.7.0.0/24' },
    ]);
    expect(edge('10.7.0.10')).toEqual([]);
  });
});

it('routes are read as the kernel lists them, but for those that lead everywhere', async () => {
  const table =
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n' +
    'eth0\t00000000\t0103A8C0\t0003\t0\t0\t0\t00000000\n' +
    'eth0\t0007A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n';
  expect(routesIn(table)).toEqual([{ subnet: '192.168.7.0/24', device: 'eth0' }]);
  const row = (destination: string, bits: string) =>
    `${destination} ${bits} ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000100 00000001 00000000 00000001 eth0`;
  const all = [row('0'.repeat(32), '00'), row(`fe80${'0'.repeat(28)}`, '40'), row(`fd000007${'0'.repeat(24)}`, '40')];
  expect(routes6In(all.join('\n'))).toEqual([{ subnet: 'fd00:0007:0000:0000:0000:0000:0000:0000/64', device: 'eth0' }]);
  const { addresses, interfaces } = await readHostNetwork();
  expect(addresses).toContain('127.0.0.1');
  expect(interfaces).toContain('lo');
});
