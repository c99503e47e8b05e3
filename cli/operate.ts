import { type Command, CommanderError } from 'commander';
import { commandTree } from './command-tree.ts';
import { exitCodes, usageError } from './exit-code.ts';
import { tellProblem } from './output/problem.ts';
import { openSession } from './session.ts';

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
    return tellProblem(term, usageError(error.message.replace(/^error: /, ''), 'Add --help to see what fits.'));
  }
  return code;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
