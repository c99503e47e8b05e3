import { glob, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

/**
 * docs/failures.md names for each number the test files that have it at the head of a title. `node
 * test/support/failure-map.ts` writes them there (`npm run failures`); `test/failure-map.test.ts` holds page and titles
 * together. No full run is needed: CI lets no test skip and none fail, so a title that is there is a title that passed.
 */
const root = resolve(import.meta.dirname, '../..');
const page = resolve(root, 'docs/failures.md');
const row = /^\| ([FBCPR]\d+) \| (.*) \| (.*) \|(.*)\|$/;
const later = /^ not built yet/;
/** A string that begins with numbers, as titles do: 'F14 F15: …'. */
const titled = /(?<=['"`])[FBCPR]\d{1,2}(?:,? [FBCPR]\d{1,2})*(?=[ :,])/g;

/** Number → test files that show it. */
async function shownBy(): Promise<Map<string, Set<string>>> {
  const shown = new Map<string, Set<string>>();
  for await (const file of glob('test/**/*.test.ts', { cwd: root }))
    for (const [numbers] of (await readFile(resolve(root, file), 'utf8')).matchAll(titled))
      for (const number of numbers.split(/,? /)) shown.set(number, (shown.get(number) ?? new Set()).add(file));
  return shown;
}

export interface FailureMap {
  /** The page as it stands. */
  before: string;
  /** The page with the files that the titles name today. */
  after: string;
  /** Numbers of the page that no title has, but for those said to be not built yet. */
  missing: string[];
}

export async function failureMap(): Promise<FailureMap> {
  const shown = await shownBy();
  const before = await readFile(page, 'utf8');
  const missing: string[] = [];
  const after = before.split('\n').map((line) => {
    const [, number, what, outcome, cell = ''] = row.exec(line) ?? [];
    if (!number) return line;
    const files = [...(shown.get(number) ?? [])].sort();
    if (files.length === 0 && later.test(cell)) return line;
    if (files.length === 0) missing.push(number);
    return `| ${number} | ${what} | ${outcome} | ${files.map((file) => `\`${file}\``).join('<br>')} |`;
  });
  return { before, after: after.join('\n'), missing };
}

if (import.meta.main) {
  const { after, missing } = await failureMap();
  await writeFile(page, after);
  if (missing.length > 0) console.error(`no test's title begins with ${missing.join(', ')}`);
}
