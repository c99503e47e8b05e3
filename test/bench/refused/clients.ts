import { fork } from 'node:child_process';
import { join } from 'node:path';
import { run } from '../../support/run.ts';
import type { ByClient, Tally } from './figures.ts';

const perSecond = 200;
const keepAliveClients = 10;
const keepAlivePauseMs = 200;
/** Between two starts of each program, whether or not the one before has ended. */
const programEveryMs = 500;
/** Longer than any connection is held. */
const programMsMax = 45_000;
export const password = 'bench';

interface Load {
  ended(): Promise<Tally>;
}

/** Clients of every kind at an address, until `ended`, which waits for the answers that are due. */
export async function startClients(address: string): Promise<{ ended(): Promise<ByClient> }> {
  const page = `http://${address}:8080/`;
  const loads: Record<keyof ByClient, Load> = {
    fresh: await loadOf('../../forward/load-process.ts', page, perSecond),
    kept: await loadOf('keep-alive-process.ts', page, keepAliveClients, keepAlivePauseMs),
    curl: repeat('curl', ['-sS', '--fail', '--max-time', '45', page], 'Welcome'),
    psql: repeat('psql', ['-h', address, '-U', 'postgres', '-Atc', "select 'bench'"], 'bench', {
      PGPASSWORD: password,
      PGCONNECT_TIMEOUT: '45',
    }),
    redis: repeat('redis-cli', ['-h', address, 'ping'], 'PONG'),
  };
  return {
    ended: async () => {
      const ended = Object.entries(loads).map(async ([kind, load]) => [kind, await load.ended()] as const);
      return Object.fromEntries(await Promise.all(ended)) as ByClient;
    },
  };
}

/** A process of its own, so that what it measures does not wait for the benchmark's. */
async function loadOf(file: string, ...args: (string | number)[]): Promise<Load> {
  const child = fork(join(import.meta.dirname, file), args.map(String), { execArgv: [] });
  await new Promise((resolve) => child.once('message', resolve));
  return {
    ended: () =>
      new Promise((resolve) => {
        child.once('message', (message) => {
          child.disconnect();
          const { sent, failed, errors, longestMs, repeated = 0 } = message as Tally & { longestMs: number };
          resolve({ sent, failed, errors, longestS: longestMs / 1000, repeated });
        });
        child.send('stop');
      }),
  };
}

/** Starts a program again and again; it failed if it says so, or did not print what it should. */
function repeat(program: string, args: string[], answer: string, env: Record<string, string> = {}): Load {
  const tally: Tally = { sent: 0, failed: 0, errors: {}, longestS: 0, repeated: 0 };
  const open = new Set<Promise<void>>();
  const once = async () => {
    const startedAt = performance.now();
    const error = await run(program, args, { env, timeoutMs: programMsMax }).then(
      (output) => (output.includes(answer) ? null : 'another answer'),
      // The command comes before what it said.
      ({ message }: Error) => message.trim().split('\n')[0]?.split(': ').at(-1) || 'killed',
    );
    tally.longestS = Math.max(tally.longestS, (performance.now() - startedAt) / 1000);
    if (error === null) return;
    tally.failed += 1;
    tally.errors[error] = (tally.errors[error] ?? 0) + 1;
  };
  const timer = setInterval(() => {
    tally.sent += 1;
    const running = once().finally(() => open.delete(running));
    open.add(running);
  }, programEveryMs);
  return {
    ended: async () => {
      clearInterval(timer);
      await Promise.all(open);
      return tally;
    },
  };
}
