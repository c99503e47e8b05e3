import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestFleet, type TestFleet } from '../support/certificates.ts';
import { describeNamespaces, type Kind, makeNetwork, type Network } from './namespaces-rig.ts';
import { tcp, udp } from './ports.ts';

const migration = 'mig_01kbabcdef0123456789abcdef';
const ports = [tcp(8080), udp(5300)];
const tunnelPort = 7000;

let fleet: TestFleet;
let network: Network;
beforeEach(async () => {
  fleet = await createTestFleet();
});
afterEach(() => network.close());

const kinds: Kind[] = ['iptables-nft', 'iptables-legacy', 'nft'];

describeNamespaces.each(kinds)('a UDP port of a stack that moved, on a host with %s', (kind) => {
  it('answers clients by the address they asked, and leaves no rule', async () => {
    network = await makeNetwork(kind);
    await network.in('source', 'ip', 'addr', 'add', '10.1.0.9/24', 'dev', 'client');
    const before = await network.dump();
    await network.start('target', 'app-process.ts', 'app', 'target');
    const [source, target] = [network.host('source'), network.host('target')];
    await target.call('serve', await fleet.identity('host', 'target'), tunnelPort, ports);
    await source.call('open', migration, ports);
    await source.call('hold');
    if (kind === 'nft')
      // An accept of our table does not end the checks of this one.
      await network.apply(['nft', '-f', '-'], 'insert rule inet firewall input udp dport 5300 accept\n');
    const way = { host: '10.3.0.1', port: tunnelPort };
    await source.call('passDatagrams', await fleet.identity('host', 'source'), way, ports.slice(1));
    const asked = (address: string) =>
      network.in('client', process.execPath, `${import.meta.dirname}/ask-process.ts`, address);
    for (const address of ['10.1.0.2', '10.1.0.9', 'fd00:1::2']) expect(await asked(address), address).toBe('target');
    await source.call('freePorts');
    expect(await asked('10.1.0.2')).toBe('no answer');
    await source.call('end');
    const after = await network.dump();
    if (kind === 'nft') expect(after).not.toContain('STACKFERRY');
    else expect(after).toBe(before);
  });
});
