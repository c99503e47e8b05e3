import { afterEach, expect, it } from 'vitest';
import { describeNamespaces, type Kind, makeNetwork, type Network } from './namespaces-rig.ts';
import { tcp } from './ports.ts';

const migration = 'mig_01kbabcdef0123456789abcdef';
const ports = [tcp(8080)];
const kinds: Kind[] = ['iptables-nft', 'iptables-legacy', 'nft'];

let network: Network;
afterEach(() => network.close());

const nft = (policy: string, rules: string) => `
  table inet other {
    chain redirected { ct status dnat accept; }
    chain input { type filter hook input priority filter + 5; policy ${policy};
      ct state established,related accept; iifname lo accept; meta l4proto { icmp, ipv6-icmp } accept; ${rules} }
  }`;

describeNamespaces.each(kinds)('a firewall beside Docker’s, on a host with %s', (kind) => {
  it.each([
    ['drops what comes in', nft('drop', ''), false],
    ['rejects what comes in', nft('accept', 'reject with icmpx admin-prohibited;'), false],
    ['lets in what is redirected', nft('drop', 'ct status dnat accept;'), true],
    ['lets it in by a chain of its own', nft('accept', 'meta l4proto tcp jump redirected; drop;'), true],
  ])('either lets connections be held, or the pre-flight says that it does not: it %s', async (_what, rules, lets) => {
    network = await makeNetwork(kind);
    await network.start('source', 'app-process.ts', 'proxy', '10.2.0.1');
    await network.start('app', 'app-process.ts', 'app', 'app');
    await network.apply(['nft', '-f', '-'], rules);
    const source = network.host('source');
    const told = await source.call('forwardsHere');
    await source.call('open', migration, ports);
    await source.call('hold');
    const asked = network
      .in('client', 'curl', '-sS', '--max-time', '3', 'http://10.1.0.2:8080/')
      .catch(() => 'refused');
    await expect
      .poll(async () => (await source.call('counts')).held, { timeout: 2_000 })
      .toBe(1)
      .catch(() => {});
    const { held } = await source.call('counts');
    if (held === 0) await asked;
    await source.call('release');
    expect([told.ok, held === 1, await asked]).toEqual([lets, lets, lets ? 'app' : 'refused']);
    expect(told.detail).toMatch(lets ? kind : /the chain "inet other input" of nft drops.*ct status dnat accept/);
  });
});
