import { readFile, writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { z } from 'zod';

/**
 * `node test/support/failure-map.ts REPORT.json [--write]`: holds docs/failures.md against the report of a full test run
 * (vitest's JSON). Every number must be shown by a test that passed, and the page must name those tests; `--write` makes
 * it do so. Rows that say "not built yet" are counted, not checked.
 */
const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), title: z.string(), status: z.string() })),
    }),
  ),
});
type Report = z.infer<typeof report>;

const root = resolve(import.meta.dirname, '../..');
const page = resolve(root, 'docs/failures.md');
const row = /^\| ([FB]\d+) \| (.*) \| (.*) \|(.*)\|$/;
const later = /^ not built yet/;

/** Number → files with passed tests that have it in their title, each file once. */
function shownBy({ testResults }: Report): Map<string, Set<string>> {
  const shown = new Map<string, Set<string>>();
  for (const { name, assertionResults } of testResults)
    for (const { fullName, status } of assertionResults)
      for (const [number] of status === 'passed' ? fullName.matchAll(/\b[FB]\d{1,2}\b/g) : []) {
        const files = shown.get(number) ?? new Set();
        shown.set(number, files.add(relative(root, name)));
      }
  return shown;
}

const [path, flag] = process.argv.slice(2);
if (!path) throw new Error('usage: failure-map.ts REPORT.json [--write]');
const shown = shownBy(report.parse(JSON.parse(await readFile(path, 'utf8'))));
const before = await readFile(page, 'utf8');
const missing: string[] = [];
let numbers = 0;
const after = before
  .split('\n')
  .map((line) => {
    const [, number, what, outcome, cell] = row.exec(line) ?? [];
    if (!number || cell === undefined) return line;
    numbers += 1;
    const files = [...(shown.get(number) ?? [])].sort();
    if (files.length === 0 && later.test(cell)) return line;
    if (files.length === 0) missing.push(number);
    return `| ${number} | ${what} | ${outcome} | ${files.map((file) => `\`${file}\``).join('<br>')} |`;
  })
  .join('\n');

if (flag === '--write') await writeFile(page, after);
const unbuilt = before.split('\n').filter((line) => later.test(row.exec(line)?.[4] ?? '')).length;
const stale = flag !== '--write' && after !== before;
if (missing.length > 0) console.error(`no passed test shows ${missing.join(', ')}`);
if (stale) console.error('docs/failures.md does not name the tests that ran: npm run failures');
console.log(`failures: ${numbers - missing.length - unbuilt} of ${numbers} shown, ${unbuilt} not built yet`);
process.exitCode = missing.length > 0 || stale ? 1 : 0;
