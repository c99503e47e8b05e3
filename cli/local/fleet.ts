import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '../../schema/limits.ts';
import type { ApiClient } from '../api-client.ts';

/**
 * A fleet on one machine, each part in its own process as in production: used by the demo, the benchmarks and the
 * whole-system tests.
 */
export interface Member {
  id: string;
  name: string;
  pid: number;
  logPath: string;
  /** Ends the process; SIGTERM by default. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Kills it and starts it again with the same state. */
  restart(): Promise<void>;
}

export interface MemberOptions {
  api: ApiClient;
  controlUrl: string;
  kind: 'host' | 'relay';
  name: string;
  stateDir: string;
  /** What Node runs instead of the sources: a program, and arguments that come first. Read at each start. */
  program?: string[] | undefined;
  /** Arguments besides control, state and join token. */
  arguments: string[];
  env?: Record<string, string>;
  /** Runs it inside this network namespace. */
  netns?: string;
}

const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Enrols a host or a relay, starts its process and waits until it is online. */
export async function startMember(options: MemberOptions): Promise<Member> {
  const { api, kind, name, stateDir } = options;
  const collection = kind === 'host' ? '/hosts' : '/relays';
  const created = await api.post<{ id: string; join_token: string }>(collection, { name });
  await mkdir(stateDir, { recursive: true });
  const logPath = join(stateDir, `${kind}.log`);
  const launch = () => spawnMember(options, created.join_token, logPath);
  const online = () =>
    until(
      async () => (await api.get<{ status: string }>(`${collection}/${created.id}`)).status === 'online',
      `${kind} "${name}" to come online; see ${logPath}`,
    );
  let child = launch();
  const member: Member = {
    id: created.id,
    name,
    logPath,
    get pid() {
      return child.pid ?? 0;
    },
    stop: (signal = 'SIGTERM') => end(child, signal),
    async restart() {
      await end(child, 'SIGKILL');
      child = launch();
      await online();
    },
  };
  await online().catch(async (error) => {
    await member.stop('SIGKILL');
    throw error;
  });
  return member;
}

function spawnMember(options: MemberOptions, joinToken: string, logPath: string): ChildProcess {
  const entry = join(projectRoot, options.kind === 'host' ? 'agent/main.ts' : 'relay/main.ts');
  const argv = [
    ...(options.program ?? [entry]),
    '--control',
    options.controlUrl,
    '--state',
    options.stateDir,
    ...options.arguments,
  ];
  const [program, ...args] = options.netns
    ? ['nsenter', `--net=/run/netns/${options.netns}`, process.execPath, ...argv]
    : [process.execPath, ...argv];
  const child = spawn(program!, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env, STACKFERRY_JOIN_TOKEN: joinToken },
  });
  const log = createWriteStream(logPath, { flags: 'a' });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), limits.cli.stopMsMax);
  await ended;
  clearTimeout(timer);
}

/** Polls until `condition` holds; throws after the timeout with a message that contains `what`. */
export async function until(
  condition: () => Promise<boolean>,
  what: string,
  msMax: number = limits.cli.onlineMsMax,
): Promise<void> {
  const giveUp = Date.now() + msMax;
  while (!(await condition())) {
    if (Date.now() > giveUp) throw new Error(`waited ${msMax / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, limits.cli.pollMs));
  }
}
