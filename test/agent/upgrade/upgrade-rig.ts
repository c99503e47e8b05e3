import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished, vi } from 'vitest';
import { enroll } from '../../../node/identity.ts';
import type { AgentMessage, Outcome } from '../../../schema/agent-protocol.ts';
import { startEnrolment } from '../control-plane-ca.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type Peer, startWebSocketServer } from '../websocket-server.ts';

type Hello = Extract<AgentMessage, { type: 'hello' }>;

/** An agent as install.sh leaves it: the launcher, kept running by a service manager of the test's, and a control plane. */
export interface UpgradeRig {
  /** What the control plane serves as the agent. */
  serve: (response: ServerResponse) => void;
  /** Asks the connected agent for an upgrade. */
  ask(sha256: string, version?: string): Promise<Outcome>;
  hellos: Hello[];
  /** The next hello after those that were there before. */
  nextHello(): Promise<Hello>;
  kill(): void;
  /** Names in the directory of programs. */
  programs(): Promise<string[]>;
  /** Starts of the service. */
  starts: number;
}

export const sha256Of = (text: string) => createHash('sha256').update(text).digest('hex');
/** Bound of the launcher for a new program to come online: more than a start takes on a loaded machine. */
export const onlineSecondsMax = 12;
const helloMsMax = 45_000;

export async function startUpgradeRig(bundle: string, args: string[] = []): Promise<UpgradeRig> {
  const dir = await temporaryDirectory();
  const state = join(dir, 'state');
  const installed = join(dir, 'lib/agent-1');
  await installAt(installed, state, bundle);
  await enroll((await startEnrolment()).url, 'join', state);

  const hellos: Hello[] = [];
  const waiting = new Map<string, (outcome: Outcome) => void>();
  let latest: Peer | null = null;
  const server = await startWebSocketServer({
    onRequest: (request, response) =>
      request.url === '/install/agent.js' ? rig.serve(response) : response.writeHead(404).end(),
    onText: (peer, text) => {
      const message = text === 'ping' ? null : (JSON.parse(text) as AgentMessage);
      if (message?.type === 'answer') waiting.get(message.request_id)?.(message.outcome);
      if (message?.type !== 'hello') return;
      latest = peer;
      peer.say(
        JSON.stringify({ type: 'welcome', id: 'host_1', fleet_id: 'f1', version: 2, now_ms: Date.now(), relay: null }),
      );
      hellos.push(message);
    },
  });
  let taken = 0;
  const service = keepRunning(join(installed, 'start'), [
    ...['--control', server.url, '--state', state],
    ...['--engine', 'embedded', '--embedded-root', join(dir, 'root'), ...args],
  ]);
  const rig: UpgradeRig = {
    serve: (response) => void response.writeHead(404).end(),
    ask: (sha256, version = '9.9.9') => {
      const id = randomUUID();
      latest?.say(
        JSON.stringify({ type: 'request', id, kind: 'upgrade', payload: { sha256, version, automatic: false } }),
      );
      return new Promise((resolve) => waiting.set(id, resolve));
    },
    hellos,
    nextHello: async () => {
      await vi.waitUntil(() => hellos.length > taken, { timeout: helloMsMax, interval: 20 });
      return hellos[taken++]!;
    },
    kill: () => service.child?.kill('SIGKILL'),
    programs: async () => (await readdir(join(state, 'programs/agent-1')).catch(() => [])).sort(),
    get starts() {
      return service.starts;
    },
  };
  return rig;
}

/** The launcher is made by the installer's own lines. */
export async function installAt(directory: string, state: string, bundle: string): Promise<void> {
  const script = await readFile(join(import.meta.dirname, '../../../worker/install/install.sh'), 'utf8');
  const [lines] = /^write_launcher\(\) \{[\s\S]*?chmod .*\n\}$/m.exec(script)!;
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'agent.js'), bundle);
  await symlink(process.execPath, join(directory, 'node'));
  const settings = { staged: directory, state, control: 'test', online_seconds_max: String(onlineSecondsMax) };
  await promisify(execFile)('sh', ['-euc', `${lines}\nwrite_launcher`], { env: { ...process.env, ...settings } });
}

/** Like `Restart=always`. */
function keepRunning(program: string, args: string[]): { child: ChildProcess | null; starts: number } {
  const service = { child: null as ChildProcess | null, starts: 0 };
  let over = false;
  const start = () => {
    if (over) return;
    service.starts += 1;
    service.child = spawn(program, args, { stdio: process.env.SHOW ? 'inherit' : 'ignore' });
    service.child.once('exit', () => setTimeout(start, 100));
  };
  onTestFinished(() => {
    over = true;
    service.child?.kill('SIGKILL');
  });
  start();
  return service;
}
