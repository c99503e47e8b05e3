import { expect, test } from 'vitest';
import { commandTree } from '../../cli/command-tree.ts';
import { start } from './stackferry.ts';

const env = { PATH: process.env.PATH };
const bound = { timeout: 90_000 };
const run = (...args: string[]) => start(args, { env }).ended;

test('help says what --help says, of every depth', bound, async () => {
  const [helped, flagged] = [await run('help', 'webhooks', 'create'), await run('webhooks', 'create', '--help')];
  expect([helped.code, helped.out]).toEqual([0, flagged.out]);
  expect(helped.out).toContain('--kind <kind>');
  expect((await run('help')).out).toContain('Get started:');
  expect(JSON.parse((await run('help', 'status', '--json')).out)).toMatchObject({
    ...{ command: 'status', help: expect.stringContaining('what needs attention') },
  });
});

test.each([
  [['migrat'], 'stackferry migrate'],
  [['hosts', 'lst'], 'stackferry hosts list'],
  [['webhooks', 'creat', 'https://example.com'], 'stackferry webhooks create'],
  [['help', 'webhoks'], 'stackferry webhooks'],
  [['hosts', 'shw', '--json'], 'stackferry hosts show'],
])('%j is unknown, and the nearest command is named', bound, async (args, near) => {
  const { code, out, err } = await run(...args);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain('unknown command');
  expect(err).toContain(`Did you mean: ${near}`);
});

test('a word that is near to nothing gets no guess, and the help', bound, async () => {
  const { code, err } = await run('frobnicate');
  expect(code).toBe(2);
  expect(err).toContain("unknown command 'frobnicate'");
  expect(err).not.toContain('Did you mean');
  expect(err).toContain('stackferry help');
  expect((await run('stacks', '--host', 'lst', 'show', 'a', 'b')).err).toContain('too many arguments');
});

test('ls is a list wherever there is one, and of stacks by itself', () => {
  const lists = commandTree().commands.filter(({ commands }) => commands.some((sub) => sub.name() === 'list'));
  expect(lists.map((group) => group.name()).sort()).toEqual(
    ['drains', 'hosts', 'migrations', 'profiles', 'relays', 'stacks', 'tokens', 'webhooks'].sort(),
  );
  for (const group of lists) expect(group.commands.find((sub) => sub.name() === 'list')?.aliases()).toEqual(['ls']);
  expect(
    commandTree()
      .commands.find((one) => one.name() === 'stacks')
      ?.aliases(),
  ).toEqual(['ls']);
});

test('ls works as the list does', bound, async () => {
  for (const args of [['ls'], ['hosts', 'ls'], ['migrations', 'ls', '--limit', '1']])
    expect((await run(...args)).err).toContain('(not_logged_in)');
});

test('completion offers the new commands', bound, async () => {
  const complete = async (...words: string[]) => (await run('__complete', '--', ...words)).out.trimEnd().split('\n');
  expect(await complete('who')).toEqual(['whoami']);
  expect(await complete('tokens', '')).toEqual(['list', 'create', 'revoke', 'restore']);
  expect(await complete('tokens', 'create', 'x', '--scope', '')).toEqual(['read', 'migrate', 'admin']);
  expect(await complete('audit', '--a')).toEqual(['--actor', '--act']);
  expect(await complete('help', 'stat')).toEqual(['status']);
  expect(await complete('migrations', '--cl')).toEqual(['--cleanup-due']);
});
