import { Command, type CommanderError, type Option } from 'commander';
import { type CliError, usageError } from './exit-code.ts';

/**
 * Follows words down the tree, skipping options and their values: the command they lead to, and the first word that is
 * none of its commands.
 */
export function commandAt(program: Command, words: string[]): { command: Command; rest: string | null } {
  let command = program;
  let isValue = false;
  for (const word of words) {
    const isOption = word.startsWith('-');
    if (isValue || isOption) {
      isValue =
        isOption && optionsOf(command).some((each) => each.required && (each.long === word || each.short === word));
      continue;
    }
    const sub = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (!sub) return { command, rest: word };
    command = sub;
  }
  return { command, rest: null };
}

/** Names the nearest command, if one is near. */
export function unknownCommand(group: Command, word: string): CliError {
  const path = [...pathOf(group), ''].join(' ');
  const near = nearest(group, word).map((name) => `Did you mean: stackferry ${path}${name}`);
  return usageError(`unknown command '${path}${word}'`, ...near, `List the commands: stackferry help ${path}`.trim());
}

function pathOf(command: Command): string[] {
  return command.parent ? [...pathOf(command.parent), command.name()] : [];
}

/** As Commander finds it: it says so in the error for an unknown command of a program with these commands. */
function nearest(group: Command, word: string): string[] {
  const twin = new Command().exitOverride().helpCommand(false);
  twin.configureOutput({ outputError: () => {} });
  for (const sub of group.createHelp().visibleCommands(group)) twin.command(sub.name());
  try {
    twin.parse([word], { from: 'user' });
  } catch (error) {
    const [, names = ''] = /\(Did you mean (?:one of )?(.+)\?\)/.exec((error as CommanderError).message) ?? [];
    return names === '' ? [] : names.split(', ');
  }
  return [];
}

/** A command's own options, its default subcommand's, and those of all its parents. */
export function optionsOf(command: Command): readonly Option[] {
  const fallback = command.commands.find((sub) => sub.name() === 'list');
  const above: Option[] = [];
  for (let each = command.parent; each; each = each.parent) above.push(...each.options);
  return [...command.options, ...(fallback?.options ?? []), ...above];
}
