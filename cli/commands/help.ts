import type { Command } from 'commander';
import type { Session } from '../session.ts';
import { commandAt, unknownCommand } from '../unknown-command.ts';

/** The same text as `--help`; with `--json` as one document. */
export async function help({ term }: Session, program: Command, words: string[]) {
  const { command, rest } = commandAt(program, words);
  if (rest !== null) throw unknownCommand(command, rest);
  if (term.json) return term.document({ command: words.join(' '), help: command.helpInformation() });
  command.outputHelp();
}
