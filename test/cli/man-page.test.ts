import { spawnSync } from 'node:child_process';
import { Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { manPage } from '../../cli/build/man-page.ts';
import { stackferryPage } from '../../cli/build/stackferry-page.ts';
import { commandTree } from '../../cli/command-tree.ts';

/** The page as it is read: without fonts, requests and escapes. */
const plain = (page: string): string =>
  page
    .replaceAll(/\\f[BIR]/g, '')
    .replaceAll('\\&', '')
    .replaceAll('\\-', '-')
    .replaceAll(/\\\[u([0-9A-F]+)\]/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replaceAll('\\e', '\\');

function commandsBelow(command: Command): Command[] {
  const help = command.createHelp();
  const visible = help.visibleCommands(command).filter((sub) => command.commands.includes(sub));
  return visible.flatMap((sub) => [sub, ...commandsBelow(sub)]);
}

const pathOf = (command: Command): string => (command.parent ? `${pathOf(command.parent)} ` : '') + command.name();

describe('stackferry.1', () => {
  const page = stackferryPage();
  const lines = plain(page).split('\n');

  it('has every command, and below it each of its options and arguments with the words of --help', () => {
    const commands = commandsBelow(commandTree());
    expect(commands.length).toBeGreaterThan(50);
    for (const command of commands) {
      const help = command.createHelp();
      const term = `${pathOf(command.parent!)} ${help.subcommandTerm(command)}`;
      const at = lines.indexOf(term);
      expect(at, term).toBeGreaterThan(0);
      expect(lines[at + 1]).toBe(command.description());
      const next = lines.findIndex((line, index) => index > at && line.startsWith('stackferry '));
      const own = lines.slice(at, next === -1 ? undefined : next);
      for (const option of command.options) {
        expect(own, `${term}: ${option.flags}`).toContain(option.flags);
        expect(own).toContain(help.optionDescription(option));
      }
      for (const argument of help.visibleArguments(command)) expect(own).toContain(help.argumentDescription(argument));
    }
    expect(lines).not.toContain('stackferry __complete [words...]');
  });

  it('has the options of all commands, of agent and relay, and the exit codes', () => {
    for (const { flags } of commandTree().options) expect(lines).toContain(flags);
    for (const part of [
      '--docker-socket PATH',
      '--advertise HOST:PORT',
      '3  the pre-flight failed',
      'STACKFERRY_TOKEN',
    ])
      expect(
        lines.some((line) => line.includes(part)),
        part,
      ).toBe(true);
  });

  it('has nothing but the macros that groff and mandoc share, in pairs, and ASCII', () => {
    expect(page).toMatch(/^[ -~\n]*$/);
    const requests = page.split('\n').filter((line) => line.startsWith('.'));
    expect([...new Set(requests.map((line) => line.split(' ')[0]))].toSorted()).toEqual(
      ['.TH', '.SH', '.TP', '.RS', '.RE', '.nf', '.fi'].toSorted(),
    );
    const count = (name: string) => requests.filter((line) => line.split(' ')[0] === name).length;
    expect([count('.RS'), count('.nf')]).toEqual([count('.RE'), count('.fi')]);
    expect(page.split('\n').filter((line) => line.startsWith("'"))).toEqual([]);
  });

  it('keeps what would be a request, an escape or another sign', () => {
    const program = new Command('stackferry').description('Moves.');
    program
      .command('odd')
      .description('.hidden or C:\\dir, “quoted”')
      .addOption(new Option('--at <time>', "'now' or later"));
    const odd = manPage(program, { version: '1', exitCodes: 'Exit codes:\n  0  done', programs: {} });
    expect(odd).toContain('\n\\&.hidden or C:\\edir, \\[u201C]quoted\\[u201D]\n');
    expect(odd).toContain("\n\\&'now' or later\n");
    expect(plain(odd)).toContain('.hidden or C:\\dir, “quoted”');
  });

  const hasGroff = !spawnSync('groff', ['--version']).error;

  it.runIf(hasGroff)('is printed by groff, without a warning', () => {
    const printed = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-P-c', '-P-b', '-P-u'], {
      input: page,
      encoding: 'utf8',
    });
    expect(printed.stderr).toBe('');
    expect(printed.stdout).toContain('stackferry migrate [options] <stack>');
    expect(printed.stdout).toContain('--on-cutover-dns <zone/name>');
  });
});
