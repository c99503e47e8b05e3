import { readFile } from 'node:fs/promises';
import type { Result } from './result-log.ts';

/** Sums the log of a run to one plain line, after its slowest files. A run that executed nothing, or did not end, has failed. */
const [path] = process.argv.slice(2);
if (!path) throw new Error('summary.ts LOG');
const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
const results = lines.map((line) => JSON.parse(line) as Result);
const files = results.filter((result) => result.kind === 'file');
const count = (wanted: string) => results.filter((one) => one.kind === 'test' && one.state === wanted).length;
const wasCutOff = !results.some(({ kind }) => kind === 'end');

for (const { file, ms } of files.sort((a, b) => b.ms - a.ms).slice(0, 20))
  process.stdout.write(`${(ms / 1000).toFixed(0).padStart(5)} s  ${file}\n`);
if (wasCutOff) process.stdout.write('The run was cut off: what it did not reach counts as one failure.\n');
const passed = count('passed');
const failed = count('failed') + files.filter(({ broken }) => broken).length + (wasCutOff ? 1 : 0);
const skipped = count('skipped');
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
if (failed > 0 || passed === 0) process.exitCode = 1;
if (skipped > 0 && process.env.STACKFERRY_REQUIRE_ALL) process.exitCode = 1;
