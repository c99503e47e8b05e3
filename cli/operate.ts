import { type Command, CommanderError } from 'commander';
import { commandTree } from './command-tree.ts';
import { type CliError, exitCodes, usageError } from './exit-code.ts';
import { tellProblem } from './output/problem.ts';
import { openSession } from './session.ts';
import { commandAt, unknownCommand } from './unknown-command.ts';

/** Runs one command; returns the exit code. */
export async function operate(argv: string[]): Promise<number> {
  let code: number = exitCodes.done;
  const program = commandTree((given) => {
    code = given;
  });
  for (const command of everyCommand(program))
    command
      .helpCommand(false)
      .exitOverride()
      .configureOutput({ outputError: () => {} });
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitCodes.done;
    // Without a command it printed its help.
    if (error.code === 'commander.help') return exitCodes.usage;
    const { term } = openSession({ json: argv.includes('--json') });
    return tellProblem(term, usageProblem(program, argv, error));
  }
  return code;
}

/** An unknown word below a group, like `hosts lst`, is an excess argument of its default command to Commander. */
function usageProblem(program: Command, argv: string[], error: CommanderError): CliError {
  const group = error.code === 'commander.excessArguments' ? commandAt(program, argv) : null;
  if (group && group.rest !== null && group.command.commands.length > 0)
    return unknownCommand(group.command, group.rest);
  if (error.code === 'commander.unknownCommand') return unknownCommand(program, commandAt(program, argv).rest ?? '');
  return usageError(error.message.replace(/^error: /, ''), 'Add --help to see what fits.');
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
