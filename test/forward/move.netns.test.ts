import type { ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sleep } from '../../node/sleep.ts';
import { createTestFleet, type TestFleet } from '../support/certificates.ts';
import { describeNamespaces, type Host, type Kind, makeNetwork, type Network } from './namespaces-rig.ts';
import { tcp } from './ports.ts';

const migration = 'mig_01kbabcdef0123456789abcdef';
const ports = [8080, 9090, 9091].map((port) => tcp(port));
const tunnelPort = 7000;

interface Load {
  sent: number;
  failed: number;
  errors: Record<string, number>;
  by: Record<string, number>;
  longestMs: number;
}

let fleet: TestFleet;
let network: Network;
beforeEach(async () => {
  fleet = await createTestFleet();
});
afterEach(() => network.close());

async function startLoad(url: string): Promise<() => Promise<Load>> {
  const child = await network.start('client', 'load-process.ts', url, '200');
  return async () => {
    const result = new Promise<Load>((resolve) => child.once('message', (message) => resolve(message as Load)));
    child.send('stop');
    return await result;
  };
}

/** Resolves with the app's answer. */
const order = (app: ChildProcess, what: 'stop' | 'start') =>
  new Promise<void>((resolve) => {
    app.once('message', () => resolve());
    app.send(what);
  });

/** Until nothing waits any more, or what was passed on is answered. */
async function drained(host: Host, what: 'held' | 'spliced' = 'held'): Promise<void> {
  while ((await host.call('counts'))[what] > (what === 'held' ? 5 : 0)) await sleep(50);
}

const kinds: Kind[] = ['iptables-nft', 'iptables-legacy', 'nft'];

describeNamespaces.each(kinds)('a stack that moves, on a host with %s', (kind) => {
  it.each([
    ['IPv4', 'http://10.1.0.2:8080/'],
    ['IPv6', 'http://[fd00:1::2]:8080/'],
  ])('refuses no new connection on the way there or back, and leaves no rule: %s', async (family, url) => {
    network = await makeNetwork(kind);
    await network.start('source', 'app-process.ts', 'proxy', '10.2.0.1');
    const here = await network.start('app', 'app-process.ts', 'app', 'source');
    const there = await network.start('target', 'app-process.ts', 'app', 'target');
    const before = await network.dump();
    const [source, target] = [network.host('source'), network.host('target')];
    await target.call('serve', await fleet.identity('host', 'target'), tunnelPort, ports);
    const opened = await source.call('open', migration, ports);
    expect(opened.kind).toBe(kind);
    const load = await startLoad(url);
    await sleep(500);

    const heldAt = performance.now();
    await source.call('hold');
    await order(here, 'stop');
    await sleep(1_000);
    expect((await source.call('counts')).held).toBeGreaterThan(100);
    await source.call('forward', await fleet.identity('host', 'source'), { host: '10.3.0.1', port: tunnelPort });
    await drained(source);
    const pauseMs = performance.now() - heldAt;
    await sleep(1_000);

    const heldAgainAt = performance.now();
    await source.call('hold');
    await drained(source, 'spliced');
    await order(there, 'stop');
    await sleep(500);
    await order(here, 'start');
    await source.call('release');
    await drained(source, 'spliced');
    const pauseBackMs = performance.now() - heldAgainAt;
    await source.call('end');
    await sleep(200);
    const result = await load();
    const pause = Math.round(Math.max(pauseMs, pauseBackMs));
    console.info(
      `${kind}, ${family}: ${result.failed} of ${result.sent} failed; waited ${result.longestMs} of ${pause} ms`,
    );
    expect(result).toMatchObject({ failed: 0, errors: {} });
    expect(Object.keys(result.by).sort()).toEqual(['source', 'target']);
    expect(await network.dump()).toBe(before);
  });
});
