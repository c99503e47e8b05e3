import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { setup } from '../support/prebuilt.ts';
import { cpu } from './cpu.ts';
import { cut } from './cut.ts';
import { downtime } from './downtime.ts';
import { fleet } from './fleet/fleet.ts';
import { growth } from './growth.ts';
import { hold } from './hold.ts';
import { memory } from './memory.ts';
import { quick } from './quick.ts';
import { refused } from './refused/refused.ts';
import { markdownTables, printTable, type Result } from './result.ts';
import { note } from './stage.ts';
import { tiny } from './tiny.ts';
import { bulk, direct, limit, lossy, small, wan } from './volumes.ts';

/**
 * `npm run bench -- NAME|all|quick [--json FILE]`: ours and the peers alternating in one run, as ratios, and figures of ours
 * without a peer; `hold`, `refused` and `fleet` take `--rounds N`, `refused` also the first words of one scenario as `--only`,
 * `fleet` also `--hosts LIST`, `--stacks N` and `--idle SECONDS`.
 * `-- table FILE` prints such a file as the tables of docs/benchmarks.md. All but `fleet` need the two Docker hosts of
 * test/docker/hosts, what test/bench/install.sh installs, and root. Nothing else should run meanwhile.
 */
const inAll: Record<string, () => Promise<Result>> = {
  bulk,
  direct,
  limit,
  small,
  wan,
  lossy,
  cut,
  downtime,
  tiny,
  cpu,
  memory,
};
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    hosts: { type: 'string', default: '10,100,1000,3000' },
    stacks: { type: 'string', default: '100' },
    idle: { type: 'string', default: '600' },
  },
});
const rounds = flags.rounds === undefined ? undefined : Number(flags.rounds);
const benchmarks: typeof inAll = {
  ...inAll,
  growth,
  hold: () => hold(rounds),
  refused: () => refused(rounds, flags.only),
  fleet: () => fleet(flags, rounds),
};
const sets: Record<string, (() => Promise<Result>)[]> = { all: Object.values(inAll), quick };

const [wanted = '', file = ''] = positionals;
if (wanted === 'table') {
  const read: Result | Result[] = JSON.parse(await readFile(file, 'utf8'));
  process.stdout.write(markdownTables([read].flat()));
  process.exit(0);
}
const one = benchmarks[wanted];
const runs = one ? [one] : sets[wanted];
if (!runs || (rounds !== undefined && !(rounds >= 1))) {
  const names = [...Object.keys(benchmarks), ...Object.keys(sets)];
  process.stderr.write(
    `npm run bench -- ${names.join('|')} [--json FILE] [--rounds N] [--only SCENARIO] [--hosts LIST] [--stacks N] [--idle SECONDS], or table FILE\n`,
  );
  process.exit(2);
}
// Run from the sources, an agent has 40 MB of a compiler beside it.
const discard = await setup();
const results: Result[] = [];
for (const run of runs) {
  const began = performance.now();
  const result = await run();
  note(`${result.name} took ${((performance.now() - began) / 60_000).toFixed(1)} min`);
  printTable(result);
  results.push(result);
  // After each, so that what was measured is kept if a later one fails.
  if (flags.json) await writeFile(flags.json, `${JSON.stringify(one ? result : results, null, 2)}\n`);
}
await discard();
process.exit(0);
