import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { readHolder } from '../../../cli/serve/data-lock.ts';
import { databasePath } from '../../../cli/serve/snapshot.ts';
import type { Address } from '../../../schema/address.ts';
import { secondsOfStat } from '../cpu-meter.ts';
import { peakMb } from '../stage.ts';
import { databaseBytes, writeTransactions } from './write-count.ts';

/** A control plane as `npm start` runs it: its front and a relay in one process, the Worker on one workerd. */
export interface Plane {
  listen: Address;
  adminToken: string;
  /** CPU seconds of both processes since their start. */
  cpuS(): number;
  /** Transactions that changed its database. */
  writes(): Promise<number>;
  /** Size of its database. */
  databaseBytes(): number;
  peaksMb(): Promise<{ front: number; workerd: number }>;
  /** As systemd does it: SIGTERM, and a new start once it has ended. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const root = resolve(import.meta.dirname, '../../..');
const startMsMax = 120_000;

export async function startPlane(dir: string): Promise<Plane> {
  const dataDir = join(dir, 'control');
  const [port, relayPort] = [await quietPort(), await quietPort()];
  const argv = [
    ...['cli/main.ts', 'serve', '--data', dataDir],
    ...['--listen', `127.0.0.1:${port}`, '--relay-listen', `127.0.0.1:${relayPort}`],
  ];
  const log = createWriteStream(join(dir, 'serve.log'), { flags: 'a' });
  const launch = async (sign: RegExp) => {
    const child = spawn(process.execPath, argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.pipe(log, { end: false });
    const [told = ''] = await printed(child, sign);
    const workerd = (await readHolder(dataDir))?.workerd_pid;
    if (!workerd) throw new Error('the control plane has no workerd');
    return { child, told, pids: [child.pid!, workerd] };
  };
  let running = await launch(/sfy_\w+/);
  const adminToken = running.told;
  const end = async () => {
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  const path = await databasePath(dataDir);
  if (path === null) throw new Error('the control plane has no database');
  return {
    listen: { host: '127.0.0.1', port },
    adminToken,
    cpuS: () => running.pids.reduce((sum, pid) => sum + secondsOfStat(readFileSync(`/proc/${pid}/stat`, 'utf8')), 0),
    writes: () => writeTransactions(path),
    databaseBytes: () => databaseBytes(path),
    peaksMb: async () => {
      const [front = 0, workerd = 0] = await Promise.all(running.pids.map(peakMb));
      return { front, workerd };
    },
    restart: async () => {
      await end();
      running = await launch(/runs at/);
    },
    close: async () => {
      await end();
      log.end();
    },
  };
}

/** A free port below those that connections take, which would have it by the next start: thousands of hosts come from this address. */
async function quietPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

/** Waits until a child's standard output has this. */
function printed(child: ChildProcess, sign: RegExp): Promise<RegExpExecArray> {
  let text = '';
  /** The last that it said on standard error. */
  let told = '';
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`the control plane ${why}: ${told}`));
    };
    const timer = setTimeout(() => fail(`did not start within ${startMsMax / 1_000} s`), startMsMax);
    const onExit = () => fail('ended');
    child.once('exit', onExit);
    child.stderr?.on('data', (bytes: Buffer) => {
      told = bytes.toString();
    });
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      const found = sign.exec(text);
      if (!found) return;
      clearTimeout(timer);
      child.off('exit', onExit);
      resolve(found);
    });
  });
}
