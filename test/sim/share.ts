import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Outcome, say, secondsSince } from './suites.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

/** Seeds, each process a part of them; what the failing ones tell is passed on, their counts are added. */
export async function shareSeeds(first: number, count: number, processes: number): Promise<Outcome> {
  const began = process.hrtime.bigint();
  const shares = Math.min(processes, count);
  const bound = (share: number) => first + Math.floor((count * share) / shares);
  const outcomes = await Promise.all(
    Array.from({ length: shares }, (_, share) => runShare(bound(share), bound(share + 1) - bound(share))),
  );
  process.stderr.write(`${secondsSince(began)} s in ${shares} processes\n`);
  return outcomes.reduce((sum, { passed, failed }) => ({ passed: sum.passed + passed, failed: sum.failed + failed }));
}

/** A process that ends without its last line has failed in all of its seeds. */
async function runShare(first: number, count: number): Promise<Outcome> {
  const args = [main, '--worker', '--seed', String(first), '--seeds', String(count)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const bytes of child.stdout) text += bytes;
  const last = /(\d+) passed, (\d+) failed\n$/.exec(text);
  const told = text.slice(0, last?.index).trimEnd();
  if (told) say(told);
  if (!last) say(`the process of seeds ${first} to ${first + count - 1} died`);
  return { passed: Number(last?.[1] ?? 0), failed: Number(last?.[2] ?? count) };
}
