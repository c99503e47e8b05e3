import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { countPoints, crashAt, victims } from './crash-points.ts';
import { plants } from './planted.ts';
import { randomRun, type Verdict } from './run.ts';
import { scenarios } from './scenarios.ts';
import { tell } from './story.ts';

/**
 * `npm run sim -- --seeds N [--seed FIRST]`    N random schedules, in as many processes as there are cores
 * `npm run sim -- --seed S --trace`            one of them, told step by step
 * `npm run sim -- --exhaustive`                one life of a migration, with somebody dying at each point of it
 * `npm run sim -- --scenarios`                 each failure of its own, by its number
 * `npm run sim -- --planted`                   each planted bug, which must be caught
 */
const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    exhaustive: { type: 'boolean', default: false },
    scenarios: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
    /** Set for the processes that share the seeds. */
    worker: { type: 'boolean', default: false },
  },
});
const first = Number(flags.seed);
const count = Number(flags.seeds);
const tailLines = 60;
const plantedSeedsMax = 2_000;
const scenarioSeeds = 20;

const say = (line: string) => process.stdout.write(`${line}\n`);
/** The loop's own clock is the simulation's. */
const secondsSince = (from: bigint) => (Number(process.hrtime.bigint() - from) / 1e9).toFixed(1);

/** A failing run is told again, as far as its last steps go. */
function tellFailure(what: string, verdict: string, again: (trace: (line: string) => void) => Verdict): void {
  const lines: string[] = [];
  again((line) => {
    lines.push(line);
    if (lines.length > tailLines) lines.shift();
  });
  say(`${lines.join('\n')}\n${what}: ${verdict}\n`);
}

function runSeeds(): { passed: number; failed: number } {
  let failed = 0;
  for (let seed = first; seed < first + count; seed++) {
    const verdict = randomRun(seed, flags.trace ? { trace: say } : {});
    if (!verdict) continue;
    failed += 1;
    const what = `npm run sim -- --seed ${seed} --trace`;
    if (!flags.trace) tellFailure(what, verdict, (trace) => randomRun(seed, { trace }));
  }
  return { passed: count - failed, failed };
}

function runExhaustive(): { passed: number; failed: number } {
  const total = { passed: 0, failed: 0 };
  const seed = first;
  const points = countPoints(seed);
  for (const who of Object.keys(victims))
    for (let point = 1; point <= points; point++) {
      const verdict = crashAt(seed, point, who);
      total[verdict ? 'failed' : 'passed'] += 1;
      if (verdict)
        tellFailure(`${who} dies at point ${point} of ${points}`, verdict, (trace) => crashAt(seed, point, who, trace));
    }
  return total;
}

function runScenarios(): { passed: number; failed: number } {
  const total = { passed: 0, failed: 0 };
  for (const [number, act] of Object.entries(scenarios)) {
    let verdict: Verdict = null;
    for (let seed = first; seed < first + scenarioSeeds && !verdict; seed++) {
      verdict = tell(seed, act);
      if (verdict) tellFailure(`${number}, seed ${seed}`, verdict, (trace) => tell(seed, act, trace));
    }
    total[verdict ? 'failed' : 'passed'] += 1;
    say(`${verdict ? 'not ok' : 'ok'} ${number}`);
  }
  return total;
}

function runPlanted(): boolean {
  let caught = 0;
  for (const plant of plants) {
    let seed = 0;
    let verdict: Verdict = null;
    while (!verdict && seed < plantedSeedsMax) verdict = randomRun(++seed, { plant });
    if (verdict) caught += 1;
    say(`${verdict ? 'caught' : 'MISSED'}: ${plant.name}\n    seed ${seed}: ${verdict}`);
  }
  say(`caught ${caught} of ${plants.length}`);
  return caught === plants.length;
}

/** Each core a part of the seeds; their stories are passed on, their counts are added. */
async function shareSeeds(): Promise<{ passed: number; failed: number }> {
  const shares = Math.min(cpus().length, count);
  const results = await Promise.all(
    Array.from({ length: shares }, async (_, share) => {
      const from = first + Math.floor((count * share) / shares);
      const to = first + Math.floor((count * (share + 1)) / shares);
      const args = [import.meta.filename, '--worker', '--seed', String(from), '--seeds', String(to - from)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      for await (const bytes of child.stdout) text += bytes;
      const last = /(\d+) passed, (\d+) failed\n$/.exec(text);
      if (last) process.stdout.write(text.slice(0, last.index));
      else process.stdout.write(text);
      return { passed: Number(last?.[1] ?? 0), failed: Number(last?.[2] ?? to - from) };
    }),
  );
  return results.reduce((sum, { passed, failed }) => ({ passed: sum.passed + passed, failed: sum.failed + failed }));
}

function close({ passed, failed }: { passed: number; failed: number }): void {
  say(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

const began = process.hrtime.bigint();
const single = flags.worker || flags.trace || flags.exhaustive || flags.scenarios || flags.planted || count < 50;
if (!single) {
  const total = await shareSeeds();
  process.stderr.write(`${secondsSince(began)} s\n`);
  close(total);
} else {
  // The microtask checkpoints of virtual time need a task of the real loop to run in.
  setImmediate(() => {
    if (flags.planted) process.exitCode = runPlanted() ? 0 : 1;
    else close(flags.exhaustive ? runExhaustive() : flags.scenarios ? runScenarios() : runSeeds());
  });
}
