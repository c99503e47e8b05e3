import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { headings } from './catalogue/index.ts';
import type { StackDescription } from './description.ts';

/**
 * The last part of docs/what-moves.md is made of the descriptions that `stacks.docker.test.ts` holds true. `node
 * test/stacks/table.ts` writes it there (`npm run moves`); `table.test.ts` holds page and descriptions together.
 */
const page = resolve(import.meta.dirname, '../../docs/what-moves.md');
const heading = '## Patterns, each tried by a test';

/** The page as it stands, and as the descriptions make it. */
export async function movesPage(): Promise<{ before: string; after: string }> {
  const before = await readFile(page, 'utf8');
  const at = before.indexOf(`\n${heading}\n`);
  const kept = at === -1 ? before.trimEnd() : before.slice(0, at).trimEnd();
  return { before, after: `${kept}\n\n${heading}\n\n${table()}\n` };
}

function table(): string {
  const rows = Object.entries(headings).flatMap(([title, stacks]) => [
    `| **${title}** | |`,
    ...Object.entries(stacks).map(
      ([name, stack]) => `| ${stack.pattern} ([${name}](${linkOf(name)})) | ${movesBy(stack)} |`,
    ),
  ]);
  const head =
    'Each row is a stack in `test/stacks/`. Those that move were moved between two engines and back. If an option or permission of its row is missing, the pre-flight asks for exactly that; bind mounts that the target has too are only offered.';
  return [head, '', '| the stack has | moves |', '|---|---|', ...rows].join('\n');
}

const linkOf = (name: string) => `../test/stacks/files/${name}/compose.yaml`;

/** The cell of one stack. */
export function movesBy({ needs = {}, refused }: Pick<StackDescription, 'needs' | 'refused'>): string {
  const { binds, with_external, allow } = needs;
  if (refused) return `no: "${refused.source.replaceAll('\\', '')}"`;
  const conditions = [
    ...(binds ? ['with `--bind`'] : []),
    ...(with_external ? ['with `--with-external`'] : []),
    ...(allow ? [`if the target’s owner allows ${allow.map((power) => `\`${power}\``).join(', ')}`] : []),
  ];
  return conditions.length === 0 ? 'as it is' : conditions.join(', ');
}

if (import.meta.main) await writeFile(page, (await movesPage()).after);
