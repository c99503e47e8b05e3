import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, vi } from 'vitest';
import { freePort } from '../../../cli/local/free-port.ts';
import { removeFleet } from '../../../cli/local/remove-fleet.ts';
import { type Run, start } from '../stackferry.ts';

/** `stackferry serve` as its own process, on a data directory that outlives it. */
export interface Serving {
  run: Run;
  url: string;
  port: number;
  pid: number;
  adminToken: string | null;
  /** SIGTERM, and waits; resolves to the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

const running = new Set<Run>();
/** What a failed test left running. */
afterEach(() => {
  for (const run of running) run.child.kill('SIGKILL');
});
// A start alone takes seconds where several test files share two cores.
vi.setConfig({ testTimeout: 150_000 });

export async function startServing(
  dataDir: string,
  args: string[] = ['--no-relay'],
  scheme = 'http',
  env: Record<string, string> = {},
): Promise<Serving> {
  const port = await freePort('127.0.0.1');
  const run = command(['serve', '--data', dataDir, '--listen', `127.0.0.1:${port}`, ...args], env);
  let ended = false;
  void run.ended.then(() => {
    ended = true;
  });
  await vi.waitFor(
    () => {
      if (!run.out().includes('Stackferry runs at') && !ended) throw new Error(`not yet: ${run.err()}`);
    },
    { timeout: 60_000, interval: 50 },
  );
  if (ended) throw new Error(`it did not start: ${run.err()}`);
  return {
    run,
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    pid: run.child.pid ?? 0,
    adminToken: /sfy_\w+/.exec(run.out())?.[0] ?? null,
    stop: async () => {
      run.child.kill('SIGTERM');
      return (await run.ended).code;
    },
    kill: async () => {
      run.child.kill('SIGKILL');
      await run.ended;
    },
  };
}

/** A start that is to be refused, and how it ended; throws where the directory is served after all. */
export async function refusedServing(dataDir: string) {
  const run = command([
    'serve',
    '--data',
    dataDir,
    '--listen',
    `127.0.0.1:${await freePort('127.0.0.1')}`,
    '--no-relay',
  ]);
  const isServed = () => run.out().includes('Stackferry runs at');
  await vi.waitUntil(() => !running.has(run) || isServed(), { timeout: 60_000, interval: 50 });
  if (isServed()) throw new Error(`${dataDir} is served`);
  return run.ended;
}

export function command(args: string[], env: Record<string, string> = {}): Run {
  const run = start(args, { env: { PATH: process.env.PATH, HOME: tmpdir(), ...env } });
  running.add(run);
  void run.ended.then(() => running.delete(run));
  return run;
}

export async function withDir<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-serve-'));
  try {
    return await use(dir);
  } finally {
    await removeFleet(dir);
  }
}

export async function call(url: string, token: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
}

export async function hostNames(url: string, token: string): Promise<string[]> {
  const names: string[] = [];
  for (let cursor = ''; ; ) {
    const response = await call(url, token, `/hosts?limit=100${cursor}`);
    const page = (await response.json()) as { items: { name: string }[]; next_cursor: string | null };
    names.push(...page.items.map(({ name }) => name));
    if (!page.next_cursor) return names;
    cursor = `&cursor=${page.next_cursor}`;
  }
}

/** Creates hosts one after the other until told to stop; resolves to the names that were acknowledged. */
export function writer(url: string, token: string, prefix: string) {
  const acknowledged: string[] = [];
  let stopped = false;
  const written = (async () => {
    for (let number = 0; !stopped; number++) {
      const name = `${prefix}-${number}`;
      const response = await call(url, token, '/hosts', { name }).catch(() => null);
      if (response?.status === 201) acknowledged.push(name);
      else if (response === null) return;
    }
  })();
  return {
    acknowledged,
    stop: async () => {
      stopped = true;
      await written;
    },
    written,
  };
}
