import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import type { Firewall } from '../../agent/forward/rules.ts';
import { run } from '../support/run.ts';
import type { HostCalls } from './host-process.ts';

const canRun = process.getuid?.() === 0 && existsSync('/usr/sbin/iptables-legacy') && existsSync('/usr/sbin/nft');
export const describeNamespaces = describe.skipIf(!canRun && !process.env.STACKFERRY_REQUIRE_ALL);

export type Kind = Exclude<Firewall['kind'], 'iptables'>;

/** A client, a source host, a container of it, and a target host: `sff-…` namespaces. */
export interface Network {
  ns: Record<'client' | 'source' | 'app' | 'target', string>;
  /** Starts a process of this directory and waits until it says that it is ready. */
  start(where: keyof Network['ns'], file: string, ...args: string[]): Promise<ChildProcess>;
  /** A host's part of the agent. */
  host(where: 'source' | 'target'): Host;
  /** Runs a program there. */
  in(where: keyof Network['ns'], program: string, ...args: string[]): Promise<string>;
  /** Adds rules to the source, by a program that reads them. */
  apply(program: string[], input: string): Promise<string>;
  /** Drops all rules of the source, and makes those that it had at first: ours are none of them. */
  reload(): Promise<void>;
  /** All rules of the source, without counters. */
  dump(): Promise<string>;
  /** Ends the processes and removes the namespaces. */
  close(): Promise<void>;
}

export interface Host {
  call<N extends keyof HostCalls>(
    name: N,
    ...args: Parameters<HostCalls[N]>
  ): Promise<Awaited<ReturnType<HostCalls[N]>>>;
  kill(): Promise<void>;
}

let made = 0;

/** The source's firewall refuses what is not expected, as ufw's does, and has Docker's rules for the container's ports. */
export async function makeNetwork(kind: Kind): Promise<Network> {
  made += 1;
  const names = ['client', 'source', 'app', 'target'] as const;
  const ns = Object.fromEntries(names.map((name) => [name, `sff-${process.pid}-${made}-${name}`])) as Network['ns'];
  const children: ChildProcess[] = [];
  const inside: Network['in'] = (where, program, ...args) => run('ip', ['netns', 'exec', ns[where], program, ...args]);
  for (const name of names) {
    await run('ip', ['netns', 'add', ns[name]]);
    await inside(name, 'ip', 'link', 'set', 'lo', 'up');
  }
  await join2(ns, 'client', 'source', 1);
  await join2(ns, 'app', 'source', 2);
  await join2(ns, 'target', 'source', 3);
  await inside('source', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  const apply = (program: string[], input: string) => run('ip', ['netns', 'exec', ns.source, ...program], { input });
  await firewallOf(kind, apply);

  const launch = (where: keyof Network['ns'], file: string, args: string[]) => {
    const path = join(import.meta.dirname, file);
    const child = spawn('ip', ['netns', 'exec', ns[where], process.execPath, path, ...args], {
      stdio: ['ignore', 'inherit', process.env.SFF_LOG ? 'inherit' : 'ignore', 'ipc'],
    });
    children.push(child);
    return child;
  };
  return {
    ns,
    in: inside,
    start: async (where, file, ...args) => {
      const child = launch(where, file, args);
      await new Promise((resolve) => child.once('message', resolve));
      return child;
    },
    host: (where) => hostOf(launch(where, 'host-process.ts', [])),
    apply,
    reload: () => firewallOf(kind, apply),
    dump: async () => {
      const programs: Record<Kind, string[][]> = {
        'iptables-nft': [['iptables-nft-save'], ['ip6tables-nft-save']],
        'iptables-legacy': [['iptables-legacy-save'], ['ip6tables-legacy-save']],
        nft: [['nft', '--stateless', 'list', 'ruleset']],
      };
      const dumps = await Promise.all(programs[kind].map(([program, ...args]) => inside('source', program!, ...args)));
      return dumps
        .join('')
        .replace(/^#.*\n/gm, '')
        .replace(/\[\d+:\d+\]/g, '');
    },
    close: async () => {
      for (const child of children) await ended(child);
      for (const name of names) await run('ip', ['netns', 'del', ns[name]]);
    },
  };
}

/** 10.N.0.1 and fd00:N::1 on the one side, .2 on the source's. */
async function join2(ns: Network['ns'], one: keyof Network['ns'], other: keyof Network['ns'], net: number) {
  const ip = (name: keyof Network['ns'], ...args: string[]) => run('ip', ['-n', ns[name], ...args]);
  await ip(one, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', one, 'netns', ns[other]);
  for (const [name, device, host] of [
    [one, 'eth0', 1],
    [other, one, 2],
  ] as const) {
    await ip(name, 'addr', 'add', `10.${net}.0.${host}/24`, 'dev', device);
    await ip(name, '-6', 'addr', 'add', `fd00:${net}::${host}/64`, 'dev', device, 'nodad');
    await ip(name, 'link', 'set', device, 'up');
  }
  await ip(one, 'route', 'add', 'default', 'via', `10.${net}.0.2`);
}

const ports = [8080, 9090, 9091];

async function firewallOf(kind: Kind, apply: (program: string[], input: string) => Promise<string>): Promise<void> {
  if (kind === 'nft') {
    const dnat = ports.map((port) => `fib daddr type local tcp dport ${port} ip daddr != 127.0.0.0/8 dnat to 10.2.0.1`);
    const input = `flush ruleset
      table ip docker-bridges {
        chain nat-prerouting { type nat hook prerouting priority dstnat; policy accept; ${dnat.join('; ')}; }
        chain nat-output { type nat hook output priority -100; policy accept; ${dnat.join('; ')}; }
      }
      table inet firewall {
        chain input { type filter hook input priority filter; policy drop;
          ct state established,related accept; ct status dnat accept; iifname lo accept; meta l4proto { icmp, ipv6-icmp } accept; tcp dport 8080 meta nfproto ipv6 accept; }
      }`;
    await apply(['nft', '-f', '-'], input);
    return;
  }
  const filter = (icmp: string) => `*filter
:INPUT DROP [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p ${icmp} -j ACCEPT
${icmp === 'icmp' ? '' : '-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT\n'}COMMIT
`;
  const nat = `*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
${ports.map((port) => `-A DOCKER -p tcp --dport ${port} -j DNAT --to-destination 10.2.0.1:${port}`).join('\n')}
COMMIT
`;
  await apply([`${kind}-restore`], filter('icmp') + nat);
  // Docker gives IPv6 its tables as well; here the userland proxy takes its connections.
  const family6 = kind.replace('iptables', 'ip6tables');
  await apply([`${family6}-restore`], `${filter('ipv6-icmp')}*nat\n:DOCKER - [0:0]\nCOMMIT\n`);
}

function hostOf(child: ChildProcess): Host {
  let calls = 0;
  const waiting = new Map<number, (answer: { value?: unknown; error?: string }) => void>();
  child.on('message', (answer: { id: number; value?: unknown; error?: string }) => waiting.get(answer.id)?.(answer));
  return {
    call: (name, ...args) =>
      new Promise((resolve, reject) => {
        calls += 1;
        waiting.set(calls, ({ value, error }) => (error ? reject(new Error(error)) : resolve(value as never)));
        child.send({ id: calls, name, args });
      }),
    kill: () => ended(child),
  };
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
