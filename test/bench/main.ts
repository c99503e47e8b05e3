import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { cpu } from './cpu.ts';
import { cut } from './cut.ts';
import { downtime } from './downtime.ts';
import { memory } from './memory.ts';
import { markdownTables, printTable, type Result } from './result.ts';
import { tiny } from './tiny.ts';
import { bulk, direct, limit, small, wan } from './volumes.ts';

/**
 * `npm run bench -- NAME|all [--json FILE]`: ours and the peers alternating in one run, as ratios; `-- table FILE` prints
 * such a file as the tables of docs/benchmarks.md. Needs the two Docker
 * hosts of test/docker/hosts, openssh-server, rsync, zstd, and root. Nothing else should run meanwhile.
 */
const benchmarks: Record<string, () => Promise<Result>> = {
  bulk,
  direct,
  limit,
  cpu,
  small,
  wan,
  cut,
  downtime,
  tiny,
  memory,
};

const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const [wanted = '', file = ''] = positionals;
if (wanted === 'table') {
  const read: Result | Result[] = JSON.parse(await readFile(file, 'utf8'));
  process.stdout.write(markdownTables([read].flat()));
  process.exit(0);
}
const names = wanted === 'all' ? Object.keys(benchmarks) : [wanted];
if (!names.every((name) => name in benchmarks)) {
  process.stderr.write(`npm run bench -- ${Object.keys(benchmarks).join('|')}|all [--json FILE]\n`);
  process.exit(2);
}
const results: Result[] = [];
for (const name of names) {
  const result = await benchmarks[name]!();
  printTable(result);
  results.push(result);
  // After each, so that what was measured is kept if a later one fails.
  if (flags.json) await writeFile(flags.json, `${JSON.stringify(wanted === 'all' ? results : result, null, 2)}\n`);
}
process.exit(0);
