import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const pages = ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'GLOSSARY.md', 'test/README.md', 'docs/adr/*.md'];

/** Paths in backticks that begin with a directory of this tree; `VERSION/` and the like stand for any. */
const pathsOf = (text: string): string[] =>
  [...text.matchAll(/`((?:agent|cli|docs|node|relay|schema|test|worker)\/[^`\s*]*)`/g)]
    .map(([, path]) => path!)
    .filter((path) => !/[A-Z]{3,}\//.test(path));

const missing = (text: string): string[] => pathsOf(text).filter((path) => !existsSync(join(root, path)));

it('every path that ARCHITECTURE.md and its companions name exists', () => {
  const files = pages.flatMap((page) => globSync(page, { cwd: root }));
  expect(files.length).toBeGreaterThan(pages.length);
  for (const file of files) expect(missing(readFileSync(join(root, file), 'utf8')), file).toEqual([]);
  expect(pathsOf(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')).length).toBeGreaterThan(30);
});

it('names a path that does not exist', () => {
  expect(missing('`agent/main.ts`, `agent/warm/`, `worker/gone.ts`, `wrangler.toml`')).toEqual([
    'agent/warm/',
    'worker/gone.ts',
  ]);
});
