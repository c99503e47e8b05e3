import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { shareSeeds } from './share.ts';
import { close, type Outcome, runExhaustive, runPlanted, runRestores, runScenarios, runSeeds, say } from './suites.ts';

/**
 * `npm run sim -- --seeds N [--seed FIRST]`    N random schedules, in as many processes as there are cores
 * `npm run sim -- --seed S --trace`            one of them, told step by step
 * `npm run sim -- --exhaustive`                one life of a migration, with somebody dying at each point of it
 * `npm run sim -- --exhaustive --every N`      the same at one point in N, each who dies at others
 * `npm run sim -- --restores`                  the same life, the control plane restored from each transition to each before
 * `npm run sim -- --scenarios`                 each failure of its own, by its number
 * `npm run sim -- --planted`                   each planted bug, which must be caught
 */
const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    exhaustive: { type: 'boolean', default: false },
    every: { type: 'string', default: '1' },
    restores: { type: 'boolean', default: false },
    scenarios: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
    /** Set for the processes that share the seeds. */
    worker: { type: 'boolean', default: false },
  },
});
const first = Number(flags.seed);
const count = Number(flags.seeds);
const every = Number(flags.every);
if (![first, count, every].every(Number.isSafeInteger) || count < 1 || every < 1)
  throw new Error('--seed, --seeds and --every take whole numbers, the last two at least 1');

/** Fewer are done before another process has started. */
const sharedSeedsMin = 50;

async function run(): Promise<Outcome> {
  if (flags.exhaustive) return runExhaustive(first, every);
  if (flags.restores) return runRestores(first);
  if (flags.scenarios) return runScenarios(first);
  const alone = flags.worker || flags.trace || count < sharedSeedsMin;
  return alone ? runSeeds(first, count, flags.trace ? say : null) : shareSeeds(first, count, cpus().length);
}

if (flags.planted) process.exitCode = (await runPlanted()) ? 0 : 1;
else close(await run());
