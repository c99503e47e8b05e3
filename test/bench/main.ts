import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { bulk } from './bulk.ts';
import { printTable, type Result } from './result.ts';

/**
 * `npm run bench -- NAME [--json FILE]`: ours and a peer alternating in one run, as ratios. Needs the two Docker hosts of
 * test/docker/hosts and root. Nothing else should run meanwhile.
 */
const benchmarks: Record<string, () => Promise<Result>> = { bulk };

const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const run = benchmarks[positionals[0] ?? ''];
if (!run) {
  process.stderr.write(`npm run bench -- ${Object.keys(benchmarks).join('|')} [--json FILE]\n`);
  process.exit(2);
}
const result = await run();
printTable(result);
if (flags.json) await writeFile(flags.json, `${JSON.stringify(result, null, 2)}\n`);
process.exit(0);
