import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Outcome, say, secondsSince } from './suites.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

/** Seeds, each process a part of them; what the failing ones tell is passed on, their counts are added. */
export async function shareSeeds(first: number, count: number, processes: number): Promise<Outcome> {
  const began = process.hrtime.bigint();
  const shares = Math.min(processes, count);
  const ending = new AbortController();
  process.once('SIGTERM', () => {
    ending.abort();
    process.exit(143);
  });
  const bound = (share: number) => first + Math.floor((count * share) / shares);
  const outcomes = await Promise.all(
    Array.from({ length: shares }, (_, share) =>
      runShare(bound(share), bound(share + 1) - bound(share), ending.signal),
    ),
  );
  const ended: Record<string, number> = {};
  for (const { ends } of outcomes)
    for (const [status, count] of Object.entries(ends)) ended[status] = (ended[status] ?? 0) + count;
  say(`migrations: ${JSON.stringify(ended)}`);
  process.stderr.write(`${secondsSince(began)} s in ${shares} processes\n`);
  const sum = (of: 'passed' | 'failed') => outcomes.reduce((total, outcome) => total + outcome[of], 0);
  return { passed: sum('passed'), failed: sum('failed') };
}

/** A process that ends without its last line has failed in all of its seeds. */
async function runShare(
  first: number,
  count: number,
  signal: AbortSignal,
): Promise<Outcome & { ends: Record<string, number> }> {
  const args = [main, '--worker', '--seed', String(first), '--seeds', String(count)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], signal });
  let text = '';
  for await (const bytes of child.stdout) text += bytes;
  const last = /migrations: (.*)\n(\d+) passed, (\d+) failed\n$/.exec(text);
  const told = text.slice(0, last?.index).trimEnd();
  if (told) say(told);
  if (!last) say(`the process of seeds ${first} to ${first + count - 1} died`);
  return { passed: Number(last?.[2] ?? 0), failed: Number(last?.[3] ?? count), ends: JSON.parse(last?.[1] ?? '{}') };
}
