import type { ChildProcess } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { ruleName } from '../../agent/forward/rules.ts';
import { sleep } from '../../node/sleep.ts';
import { describeNamespaces, type Host, type Kind, makeNetwork, type Network } from './namespaces-rig.ts';
import { tcp } from './ports.ts';

const migration = 'mig_01kbabcdef0123456789abcdef';
const ports = [8080, 9090, 9091].map((port) => tcp(port));
const kinds: Kind[] = ['iptables-nft', 'iptables-legacy', 'nft'];

describeNamespaces.each(kinds)('connections to a stack that is held, on a host with %s', (kind) => {
  let network: Network;
  let before: string;
  let source: Host;
  let app: ChildProcess;
  beforeAll(async () => {
    network = await makeNetwork(kind);
    await network.start('source', 'app-process.ts', 'proxy', '10.2.0.1');
    app = await network.start('app', 'app-process.ts', 'app', 'app');
    before = await network.dump();
  });
  afterAll(() => network.close());
  afterEach(() => source.kill());

  const open = (published = ports, more: { holdMsMax?: number } = {}) =>
    source.call('open', migration, published, more);
  async function holding(more: { holdMsMax?: number } = {}, published = ports) {
    source = network.host('source');
    const { redirects } = await open(published, more);
    await source.call('hold');
    return redirects;
  }

  /** What a client that sends this and ends its side is answered; `reset`, `refused` or `timeout` (after `ms`) if it is not. */
  const talk = (where: 'client' | 'source' | 'app', host: string, port: number, text: string, ms = 20_000) =>
    network.in(where, process.execPath, '-e', clientScript, host, `${port}`, text, `${ms}`);

  it('opens no listener to anybody, by its own port', async () => {
    const redirects = await holding();
    const { listener } = redirects.find(({ port }) => port === 8080)!;
    const tries = [
      talk('client', '10.1.0.2', listener, 'x', 1_500),
      talk('client', 'fd00:1::2', listener, 'x', 1_500),
      talk('app', '10.2.0.2', listener, 'x', 1_500),
      talk('source', '127.0.0.1', listener, 'x', 1_500),
    ];
    expect(await Promise.all(tries)).toEqual(['timeout', 'timeout', 'timeout', 'timeout']);
    expect(await source.call('counts')).toMatchObject({ held: 0, refused: 0 });
    await source.call('end');
    expect(await network.dump()).toBe(before);
  });

  it('holds those of other hosts, of containers and of its own, and none that are established', async () => {
    source = network.host('source');
    await open();
    const old = network.in('client', process.execPath, '-e', patientScript, '10.1.0.2', '9091');
    await sleep(1_500);
    await source.call('hold');
    const answers = [
      talk('client', '10.1.0.2', 9090, 'from afar'),
      talk('client', 'fd00:1::2', 9090, 'from afar'),
      talk('app', '10.2.0.2', 9090, 'from a container'),
      talk('source', '127.0.0.1', 9090, 'from the host'),
      talk('source', '10.1.0.2', 9090, 'from the host'),
    ];
    while ((await source.call('counts')).held < answers.length) await sleep(50);
    expect(await old).toBe('hello from app\nstill answered');
    await source.call('release');
    const said = (text: string) => `app ${text.length} ${Buffer.from(text).toString('hex')}`;
    const texts = ['from afar', 'from afar', 'from a container', 'from the host', 'from the host'];
    expect(await Promise.all(answers)).toEqual(texts.map(said));
    const { sources } = await source.call('traffic');
    expect(sources.map(({ address }) => address)).toEqual(expect.arrayContaining(['10.1.0.1', '10.2.0.1']));
    await source.call('end');
    expect(await network.dump()).toBe(before);
    expect(await network.in('client', 'curl', '-sS', 'http://10.1.0.2:8080/')).toBe('app');
  });

  it('closes them cleanly after their time, of a client that never speaks and of one that waits for a greeting', async () => {
    await holding({ holdMsMax: 300 });
    expect(await talk('client', '10.1.0.2', 9091, '')).toBe('');
    expect(await talk('client', '10.1.0.2', 9091, 'hello?')).toBe('');
    expect(await source.call('counts')).toMatchObject({ held: 0, expired: 2 });
    await source.call('end');
  });

  it('holds those of one address only, if the port is published there', async () => {
    await holding({}, [tcp(8080, '10.3.0.2')]);
    expect(await network.in('client', 'curl', '-sS', 'http://10.1.0.2:8080/')).toBe('app');
    const held = network.in('target', 'curl', '-sS', 'http://10.3.0.2:8080/');
    while ((await source.call('counts')).held < 1) await sleep(50);
    await source.call('release');
    expect(await held).toBe('app');
    await source.call('end');
    expect(await network.dump()).toBe(before);
  });

  it('puts back what a reload of the firewall has dropped, or put behind other rules, and nothing else', async () => {
    await holding();
    const held = await network.dump();
    expect(await source.call('mend'), 'all is in place').toBe(true);
    await network.reload();
    expect(await source.call('mend')).toBe(false);
    expect(await network.dump()).toBe(held);
    if (kind !== 'nft') {
      await network.in('source', kind, '-t', 'nat', '-I', 'PREROUTING', '1', '-p', 'tcp', '-j', 'DOCKER');
      expect(await source.call('mend')).toBe(false);
      await network.in('source', kind, '-t', 'nat', '-D', 'PREROUTING', '-p', 'tcp', '-j', 'DOCKER');
      expect(await network.dump()).toBe(held);
    }
    await source.call('end');
    expect(await network.dump()).toBe(before);
  });

  it('refuses nobody while its rules are made anew, again and again', async () => {
    await holding();
    const held = await network.dump();
    // From here on who is not held is refused.
    await told(app, 'stop');
    const load = await network.start('client', 'load-process.ts', 'http://10.1.0.2:8080/', '100');
    await source.call('remakeRules', migration, 50);
    expect(await network.dump()).toBe(held);
    await told(app, 'start');
    await source.call('release');
    const { sent, failed, errors, by } = (await told(load, 'stop')) as Load;
    expect({ failed, errors, by }).toEqual({ failed: 0, errors: {}, by: { app: sent } });
    expect(sent).toBeGreaterThan(100);
    await source.call('end');
    expect(await network.dump()).toBe(before);
  });

  it('leaves rules when its agent is killed, which the next one finds and removes, but for those that stay', async () => {
    await holding();
    await source.kill();
    expect(await network.dump()).not.toBe(before);
    source = network.host('source');
    expect(await source.call('sweep', [ruleName(migration)])).toEqual([]);
    expect(await source.call('sweep')).toEqual([ruleName(migration)]);
    expect(await network.dump()).toBe(before);
    expect(await source.call('sweep')).toEqual([]);
    expect(await network.in('client', 'curl', '-sS', 'http://10.1.0.2:8080/')).toBe('app');
  });

  it('is taken up again by the next agent, with the same listeners and each rule once', async () => {
    const earlier = await holding();
    const held = await network.dump();
    await source.kill();
    source = network.host('source');
    expect((await source.call('open', migration, ports, { earlier })).redirects).toEqual(earlier);
    await source.call('hold');
    expect(await network.dump()).toBe(held);
    const answer = network.in('client', 'curl', '-sS', 'http://10.1.0.2:8080/');
    while ((await source.call('counts')).held < 1) await sleep(50);
    await source.call('release');
    expect(await answer).toBe('app');
    await source.call('end');
    expect(await network.dump()).toBe(before);
  });

  // One table of nft has both families.
  if (kind !== 'nft')
    it('leaves no rule of IPv4 if those of IPv6 are refused', async () => {
      source = network.host('source');
      expect(await source.call('holdWithoutIpv6')).toBe('Error: refused');
      expect(await network.dump()).toBe(before);
    });

  it('says that the agent has no right to change rules', async () => {
    source = network.host('source');
    expect(await source.call('tryWithoutRight')).toMatch(/the agent has no right to change the firewall/);
    expect(await network.dump()).toBe(before);
  });
});

/** What a process of the network answers. */
const told = (child: ChildProcess, order: string) =>
  new Promise<unknown>((resolve) => {
    child.once('message', resolve);
    child.send(order);
  });

interface Load {
  sent: number;
  failed: number;
  errors: Record<string, number>;
  by: Record<string, number>;
}

/** Sends a text, ends its side, prints what it is answered. */
const clientScript = `
const [host, port, text, ms] = process.argv.slice(1);
const socket = require('net').connect({ host, port: Number(port), allowHalfOpen: true });
let answer = '';
const end = (what) => { process.stdout.write(what); process.exit(0); };
const timer = setTimeout(() => end('timeout'), Number(ms));
socket.on('connect', () => { clearTimeout(timer); text === '' ? undefined : socket.end(text); });
socket.on('data', (bytes) => { answer += bytes; });
socket.on('end', () => end(answer));
socket.on('error', (error) => end(error.code === 'ECONNREFUSED' ? 'refused' : 'reset'));
`;

/** Connects, waits for the greeting, speaks a few seconds later, and prints all that it was told. */
const patientScript = `
const [host, port] = process.argv.slice(1);
const socket = require('net').connect({ host, port: Number(port) });
let answer = '';
socket.on('data', (bytes) => { answer += bytes; });
setTimeout(() => socket.end('still answered'), 3000);
socket.on('end', () => process.stdout.write(answer));
`;
