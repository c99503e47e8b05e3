import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { commandTree } from '../cli/command-tree.ts';
import { commandsOf, inlineCommands, shellBlocks, stackferryArguments } from './support/shell-blocks.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'test/README.md'],
  ...globSync(['docs/*.md', 'docs/adr/*.md'], { cwd: root }),
];
const commands = pages.flatMap((page) =>
  shellBlocks(read(page)).flatMap((block) => commandsOf(block).map((words) => ({ page, words }))),
);

/** They read their arguments themselves. */
const programs = ['agent', 'relay', 'adopt'];

/** What the command line says against these arguments, as it parses them: unknown, missing, no valid value; null if nothing. */
function refusal(args: string[]): string | null {
  const program = commandTree();
  quietly(program);
  try {
    program.parse(args, { from: 'user' });
    return null;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return /^commander\.(help|helpDisplayed|version)$/.test(code ?? '') ? null : message;
  }
}

/** Parses without a word and without an act. */
function quietly(command: Command): void {
  command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  if (command.commands.length === 0) command.action(() => {});
  for (const sub of command.commands) quietly(sub);
}

it('every stackferry command in a shell block of the documentation is one that the command line takes', () => {
  const ours = commands.flatMap(({ page, words }) => {
    const args = stackferryArguments(words);
    return args && !programs.includes(args[0] ?? '') ? [{ page, args }] : [];
  });
  expect(ours.length).toBeGreaterThan(60);
  const refused = ours.flatMap(({ page, args }) => {
    const why = refusal(args);
    return why ? [`${page}: stackferry ${args.join(' ')}: ${why}`] : [];
  });
  expect(refused).toEqual([]);
});

it('every stackferry command in a sentence is one that the command line takes, or the name of one', () => {
  const found = pages.flatMap((page) =>
    inlineCommands(read(page)).flatMap((command) => {
      const args = stackferryArguments(commandsOf(command)[0] ?? []);
      return args && !programs.includes(args[0] ?? '') ? [{ page, args }] : [];
    }),
  );
  expect(found.length).toBeGreaterThan(40);
  const refused = found.flatMap(({ page, args }) => {
    const why = refusal(args);
    return why && !/missing required argument|required option .* not specified/.test(why)
      ? [`${page}: stackferry ${args.join(' ')}: ${why}`]
      : [];
  });
  expect(refused).toEqual([]);
});

it('every npm script in a shell block is one of package.json, and every test that one names exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const builtIn = ['ci', 'install', 'pack', 'test', 'start'];
  const run = commands.filter(({ words }) => words.includes('npm'));
  expect(run.length).toBeGreaterThan(15);
  for (const { page, words } of run) {
    const [verb = '', name = ''] = words.slice(words.indexOf('npm') + 1);
    if (verb === 'run') expect(Object.keys(scripts), `${page}: ${words.join(' ')}`).toContain(name);
    else expect(builtIn, `${page}: ${words.join(' ')}`).toContain(verb);
  }
  const files = commands.flatMap(({ words }) =>
    words.filter((word) => /^(test|deploy|cli)\/.+\.(ts|sh|md)$/.test(word)),
  );
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => globSync(file, { cwd: root }).length === 0)).toEqual([]);
});

it('names a command, an option, an argument and a value that do not exist', () => {
  expect(refusal(['migrate', 'shop', '--to', 'b', '--mode', 'pre-copy'])).toBeNull();
  expect(refusal(['--help'])).toBeNull();
  expect(refusal(['hosts', 'remove', 'a'])).toContain('remove');
  expect(refusal(['migrate', 'shop', '--to', 'b', '--copy'])).toContain("unknown option '--copy'");
  expect(refusal(['migrate', 'shop'])).toContain("'--to <host>'");
  expect(refusal(['purge'])).toContain("missing required argument 'id'");
  expect(refusal(['migrate', 'shop', '--to', 'b', '--mode', 'hot'])).toContain('hot');
});

it('finds commands in pipes, substitutions and continued lines, and none in comments or here-documents', () => {
  const found = commandsOf(`
until stackferry stacks | grep -q 'a; b'; do sleep 1; done   # stackferry nothing
echo "$KEY" | npx stackferry webhooks create x \\
  --kind email < /dev/null
ID=$(stackferry migrations --json) && FOO=1 npx --package stackferry stackferry purge "$ID" 2>&1
cat >file <<'EOF'
stackferry none
EOF
docker run stackferry agent
`).map(stackferryArguments);
  expect(inlineCommands('`stackferry show ID`, `stackferry\nretry ID`, `stackferry resolve ID …`, `purge ID`')).toEqual(
    ['stackferry show ID', 'stackferry retry ID'],
  );
  expect(found.filter((args) => args !== null)).toEqual([
    ['stacks'],
    ['webhooks', 'create', 'x', '--kind', 'email'],
    ['purge', '$ID'],
    ['migrations', '--json'],
  ]);
});
