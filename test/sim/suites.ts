import { countCommits, countPoints, crashAt, restoreAt } from './crash-points.ts';
import { blows } from './deaths.ts';
import { type Plant, plants } from './planted.ts';
import { ends, randomRun, type Verdict } from './run.ts';
import { scenarios } from './scenarios.ts';
import { tell } from './story.ts';

/** Each suite runs, says what failed and how, and counts. */
export interface Outcome {
  passed: number;
  failed: number;
}
type Trace = (line: string) => void;

const tailLines = 60;
const plantedSeedsMax = 3_000;
const scenarioSeeds = 20;
const progressEverySeeds = 500;

export const say: Trace = (line) => void process.stdout.write(`${line}\n`);
/** The loop's own clock is the simulation's. */
export const secondsSince = (from: bigint): string => (Number(process.hrtime.bigint() - from) / 1e9).toFixed(1);

export function close({ passed, failed }: Outcome): void {
  say(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/**
 * A task of the real loop for each run: virtual time drains microtasks, which it cannot from within one, and what a run
 * leaves behind is only collected between tasks.
 */
const inTask = (run: () => Verdict): Promise<Verdict> =>
  new Promise((resolve) => {
    setImmediate(() => resolve(run()));
  });

/** Prints the last steps of a failing run. */
async function tellFailure(what: string, verdict: string, again: (trace: Trace) => Verdict): Promise<void> {
  const lines: string[] = [];
  await inTask(() =>
    again((line) => {
      lines.push(line);
      if (lines.length > tailLines) lines.shift();
    }),
  );
  say(`${lines.join('\n')}\n${what}: ${verdict}\n`);
}

export async function runSeeds(first: number, count: number, trace: Trace | null): Promise<Outcome> {
  const began = process.hrtime.bigint();
  let failed = 0;
  for (let seed = first; seed < first + count; seed++) {
    const verdict = await inTask(() => randomRun(seed, trace ? { trace } : {}));
    const done = seed - first + 1;
    if (verdict) failed += 1;
    if (verdict && !trace)
      await tellFailure(`npm run sim -- --seed ${seed} --trace`, verdict, (told) => randomRun(seed, { trace: told }));
    if (done % progressEverySeeds === 0)
      process.stderr.write(`from ${first}: ${done} of ${count}, ${failed} failed, ${secondsSince(began)} s\n`);
  }
  if (!trace) say(`migrations: ${JSON.stringify(ends)}`);
  return { passed: count - failed, failed };
}

/** At one point in `every`, each blow at others. */
export async function runExhaustive(seed: number, every: number): Promise<Outcome> {
  const total = { passed: 0, failed: 0 };
  let points = 0;
  await inTask(() => {
    points = countPoints(seed);
    return null;
  });
  for (const [index, who] of blows.entries())
    for (let point = 1 + (index % every); point <= points; point += every) {
      const verdict = await inTask(() => crashAt(seed, point, who));
      total[verdict ? 'failed' : 'passed'] += 1;
      if (verdict)
        await tellFailure(`${who}, at point ${point} of ${points}`, verdict, (told) => crashAt(seed, point, who, told));
    }
  return total;
}

/** One life of a migration, and from each of its transitions back to each that was before. */
export async function runRestores(seed: number): Promise<Outcome> {
  const total = { passed: 0, failed: 0 };
  let commits = 0;
  await inTask(() => {
    commits = countCommits(seed);
    return null;
  });
  for (const whole of [false, true])
    for (let to = 2; to <= commits; to++)
      for (let from = 1; from < to; from++) {
        const verdict = await inTask(() => restoreAt(seed, { from, to, whole }));
        total[verdict ? 'failed' : 'passed'] += 1;
        if (verdict)
          await tellFailure(
            `${whole ? 'all' : 'the database'} falls back from transition ${to} to ${from} of ${commits}`,
            verdict,
            (told) => restoreAt(seed, { from, to, whole }, told),
          );
      }
  return total;
}

export async function runScenarios(first: number): Promise<Outcome> {
  const total = { passed: 0, failed: 0 };
  for (const [name, act] of Object.entries(scenarios)) {
    let verdict: Verdict = null;
    for (let seed = first; seed < first + scenarioSeeds && !verdict; seed++) {
      verdict = await inTask(() => tell(seed, act));
      if (verdict) await tellFailure(`${name}, seed ${seed}`, verdict, (told) => tell(seed, act, { trace: told }));
    }
    total[verdict ? 'failed' : 'passed'] += 1;
    say(`${verdict ? 'not ok' : 'ok'} ${name}`);
  }
  return total;
}

export async function runPlanted(): Promise<boolean> {
  let caught = 0;
  for (const plant of plants) {
    const found = (await byScenario(plant)) ?? (await byChance(plant));
    if (found) caught += 1;
    say(`${found ? 'caught' : 'MISSED'}: ${plant.name}\n    ${found ?? 'every invariant held'}`);
  }
  say(`caught ${caught} of ${plants.length}`);
  return caught === plants.length;
}

async function byScenario(plant: Plant): Promise<string | null> {
  for (const [name, act] of Object.entries(scenarios))
    for (const seed of [1, 2]) {
      const verdict = await inTask(() => tell(seed, act, { plant }));
      if (verdict) return `${name}, seed ${seed}: ${verdict}`;
    }
  return null;
}

async function byChance(plant: Plant): Promise<string | null> {
  for (let seed = 1; seed <= plantedSeedsMax; seed++) {
    const verdict = await inTask(() => randomRun(seed, { plant }));
    if (verdict) return `seed ${seed}: ${verdict}`;
  }
  return null;
}
