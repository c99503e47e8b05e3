import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');
export const pages = ['README.md', ...globSync('docs/*.md', { cwd: root }).sort()];

/** A command as a page gives it: a line of a shell block, with those that continue it. */
export interface Statement {
  page: string;
  /** The nearest heading above it. */
  section: string;
  text: string;
}

/** The statements of the blocks that begin "```sh" or "```sh MACHINE", in their order; lines that are only comments are none. */
export function statementsOf(page: string, text = readFileSync(join(root, page), 'utf8')): Statement[] {
  const found: Statement[] = [];
  let section = '';
  let fence: string | null = null;
  let open = '';
  for (const line of text.split('\n')) {
    const mark = /^```(\w*)/.exec(line)?.[1];
    if (mark !== undefined) {
      if (open !== '') throw new Error(`${page}, "${section}": a block ends in the middle of a command: ${open}`);
      fence = fence === null ? mark : null;
    } else if (fence === null) section = /^#+ (.*)/.exec(line)?.[1] ?? section;
    else if (fence === 'sh') {
      open += `${line}\n`;
      if (!isWhole(open)) continue;
      if (!/^\s*(#.*)?$/.test(open.trimEnd())) found.push({ page, section, text: open.trimEnd() });
      open = '';
    }
  }
  return found;
}

/** Bash says what it still waits for: an end of a loop, a quote, a here-document (only a warning); not a continued line. */
function isWhole(text: string): boolean {
  if (text.endsWith('\\\n')) return false;
  const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
  return status === 0 && stderr === '';
}
