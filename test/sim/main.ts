import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { shareSeeds } from './share.ts';
import { close, type Outcome, runExhaustive, runPlanted, runScenarios, runSeeds, say } from './suites.ts';

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
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1)
  throw new Error('--seed and --seeds take whole numbers, --seeds at least 1');

/** Fewer are done before another process has started. */
const sharedSeedsMin = 50;

async function run(): Promise<Outcome> {
  if (flags.exhaustive) return runExhaustive(first);
  if (flags.scenarios) return runScenarios(first);
  const alone = flags.worker || flags.trace || count < sharedSeedsMin;
  return alone ? runSeeds(first, count, flags.trace ? say : null) : shareSeeds(first, count, cpus().length);
}

if (flags.planted) process.exitCode = (await runPlanted()) ? 0 : 1;
else close(await run());
