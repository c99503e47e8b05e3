import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sleep } from '../../node/sleep.ts';
import { eventually, temporaryDirectory } from '../agent/temporary.ts';
import { createTestFleet, type TestFleet } from '../support/certificates.ts';
import { describeNamespaces, type Host, type Kind, makeNetwork, type Network } from './namespaces-rig.ts';
import { tcp } from './ports.ts';

const migration = 'mig_01kbabcdef0123456789abcdef';
const ports = [8080, 9090, 9091].map((port) => tcp(port));
const target = { host: '10.3.0.1', port: 7000 };

interface Load {
  sent: number;
  failed: number;
  errors: Record<string, number>;
  by: Record<string, number>;
}

let fleet: TestFleet;
let network: Network;
let stateDir: string;
beforeEach(async () => {
  fleet = await createTestFleet();
});
afterEach(async () => {
  for (const pid of await holders()) process.kill(pid, 'SIGKILL');
  await network.close();
});

/** Process ids of the holders of this test. */
async function holders(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  const argvs = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return pids.filter((_, n) => argvs[n]!.includes(`connection-holder\0${stateDir}\0`)).map(Number);
}

const kinds: Kind[] = ['iptables-nft', 'iptables-legacy', 'nft'];

describeNamespaces.each(kinds)('connections to a stack that moves, on a host with %s', (kind) => {
  it('are neither refused nor lost when the agent is killed twice while they wait', async () => {
    stateDir = await temporaryDirectory();
    network = await makeNetwork(kind);
    await network.start('source', 'app-process.ts', 'proxy', '10.2.0.1');
    const here = await network.start('app', 'app-process.ts', 'app', 'source');
    await network.start('target', 'app-process.ts', 'app', 'target');
    const before = await network.dump();
    await network.host('target').call('serve', await fleet.identity('host', 'target'), target.port, ports);
    const load = await network.start('client', 'load-process.ts', 'http://10.1.0.2:8080/', '200');
    await sleep(300);

    const first = network.host('source');
    const redirects = await first.call('takeUp', stateDir, migration, ports);
    await new Promise<void>((resolve) => {
      here.once('message', () => resolve());
      here.send('stop');
    });
    const killed = async (agent: Host): Promise<Host> => {
      await agent.kill();
      await sleep(700);
      const next = network.host('source');
      expect(await next.call('takeUp', stateDir, migration, ports, redirects)).toEqual(redirects);
      expect((await next.call('holds')).held).toBeGreaterThan(100);
      return next;
    };
    const agent = await killed(await killed(first));
    await agent.call('passOn', await fleet.identity('host', 'source'), target);
    await eventually(async () => (await agent.call('holds')).held < 5, 'what is held to go on');
    const result = new Promise<Load>((resolve) => load.once('message', (message) => resolve(message as Load)));
    load.send('stop');
    expect(await result).toMatchObject({ failed: 0, errors: {} });
    expect(Object.keys((await result).by).sort()).toEqual(['source', 'target']);
    await agent.call('letGo');
    expect(await network.dump()).toBe(before);
  });

  it('wait again soon after a reload of the firewall has dropped our rules', async () => {
    stateDir = await temporaryDirectory();
    network = await makeNetwork(kind);
    await network.start('source', 'app-process.ts', 'proxy', '10.2.0.1');
    await network.start('app', 'app-process.ts', 'app', 'app');
    const before = await network.dump();
    const agent = network.host('source');
    await agent.call('takeUp', stateDir, migration, ports);
    const rules = await network.dump();
    await network.reload();
    expect(await network.dump()).toBe(before);
    await eventually(async () => (await network.dump()) === rules, 'our rules');
    const answer = network.in('client', 'curl', '-sS', 'http://10.1.0.2:8080/');
    await eventually(async () => (await agent.call('holds')).held === 1, 'a held connection');
    await agent.call('letGo');
    expect(await answer).toBe('app');
    expect(await network.dump()).toBe(before);
  });

  it('are taken up by a new holder at the same listeners when the first was killed', async () => {
    stateDir = await temporaryDirectory();
    network = await makeNetwork(kind);
    await network.start('source', 'app-process.ts', 'proxy', '10.2.0.1');
    await network.start('app', 'app-process.ts', 'app', 'app');
    const before = await network.dump();
    const agent = network.host('source');
    const redirects = await agent.call('takeUp', stateDir, migration, ports);
    const rules = await network.dump();
    for (const pid of await holders()) process.kill(pid, 'SIGKILL');
    expect(await agent.call('takeUp', stateDir, migration, ports, redirects)).toEqual(redirects);
    expect(await network.dump()).toBe(rules);
    for (const pid of await holders()) process.kill(pid, 'SIGTERM');
    await eventually(async () => (await network.dump()) === before, 'a holder that removes its rules');
    expect(await network.in('client', 'curl', '-sS', 'http://10.1.0.2:8080/')).toBe('app');
  });
});
