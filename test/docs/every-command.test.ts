import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { covers, elsewhere } from './elsewhere.ts';
import { pages, root, type Statement, statementsOf } from './statements.ts';

const statements = pages.flatMap((page) => statementsOf(page));

/** The sections that tests follow, as "page: section". */
const followed = new Set(
  globSync('test/docs/*.test.ts', { cwd: root }).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/follow\(\s*shell,\s*'([^']+)',\s*'([^']+)',/g)].map(
      ([, page, section]) => `${page}: ${section}`,
    ),
  ),
);

it('every command in a shell block of README.md and docs/ is run here, or named with what runs it', () => {
  expect(statements.length).toBeGreaterThan(120);
  const isRun = ({ page, section }: Statement) => followed.has(`${page}: ${section}`);
  const forgotten = statements.filter(
    (statement) => !isRun(statement) && !elsewhere.some((one) => covers(one, statement)),
  );
  expect(forgotten).toEqual([]);
});

it('what is named as run elsewhere is in a page, is named once, and what runs it exists', () => {
  for (const one of elsewhere) {
    const what = `${one.page}: ${one.section ?? ''} ${one.begins ?? ''}`;
    expect(
      statements.some((statement) => covers(one, statement)),
      what,
    ).toBe(true);
    expect(existsSync(join(root, one.by)), one.by).toBe(true);
  }
  const twice = statements.filter((statement) => elsewhere.filter((one) => covers(one, statement)).length > 1);
  expect(twice).toEqual([]);
});

it('a page that is followed word for word elsewhere is read by that test', () => {
  const whole = elsewhere.filter(({ why }) => why.endsWith('word for word'));
  expect(whole.length).toBeGreaterThan(2);
  for (const { page, by } of whole) expect(readFileSync(join(root, by), 'utf8'), by).toContain(basename(page));
});

it('finds commands with what continues them, and neither comments nor other blocks', () => {
  const fence = '```';
  const page = [
    ...['# A page', `${fence}sh`, '# a comment', 'one \\', '  --more   # and why', 'for a in b; do', '  two', 'done'],
    ...[
      fence,
      '## Below',
      `${fence}sh host-a`,
      'cat >file <<END',
      'not a command',
      'END',
      'f() {',
      '  three "',
      '"',
      '}',
    ],
    ...[fence, fence, 'four', fence],
  ].join('\n');
  const found = statementsOf('a.md', page);
  expect(found.map(({ section, text }) => [section, text])).toEqual([
    ['A page', 'one \\\n  --more   # and why'],
    ['A page', 'for a in b; do\n  two\ndone'],
    ['Below', 'cat >file <<END\nnot a command\nEND'],
    ['Below', 'f() {\n  three "\n"\n}'],
  ]);
});
