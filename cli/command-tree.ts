import { Command } from 'commander';
import { agentVersion } from '../node/version.ts';
import { accessTree } from './access-commands.ts';
import { beginTree } from './begin-commands.ts';
import { runner } from './command-parts.ts';
import { completion, suggest } from './commands/completion.ts';
import { help } from './commands/help.ts';
import { drainTree } from './drain-commands.ts';
import { type ExitCode, exitCodeHelp } from './exit-code.ts';
import { lookTree } from './look-commands.ts';
import { moveTree } from './move-commands.ts';
import { serveTree } from './serve-commands.ts';
import type { Session } from './session.ts';
import { webhookTree } from './webhook-commands.ts';

/**
 * The operators' commands. Each is implemented in `commands/`; output is in `output/`, exit codes in `exit-code.ts`.
 * `done` receives the exit code of the command that ran.
 */
export function commandTree(done: (code: ExitCode) => void = () => {}): Command {
  const run = runner(done);
  const program = new Command('stackferry')
    .description('Moves running Docker Compose stacks between hosts, volumes included.')
    .version(agentVersion)
    .option('--json', 'answer in JSON: one document, or one per line with --watch')
    .option('--no-color', 'no colours (or set NO_COLOR)')
    .option('--url <url>', 'the control plane, instead of the one logged in to')
    .option('--profile <profile>', 'the stored login, if there are several (or set STACKFERRY_PROFILE)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', `\n${exitCodeHelp}`);

  program.commandsGroup('Get started:');
  beginTree(program, run);

  program.commandsGroup('Inspect:');
  lookTree(program, run);

  program.commandsGroup('Move:');
  moveTree(program, run);

  program.commandsGroup('Drain a host:');
  drainTree(program, run);

  program.commandsGroup('Webhooks:');
  webhookTree(program, run);

  program.commandsGroup('Access:');
  accessTree(program, run);

  program.commandsGroup('Run:');
  serveTree(program, run);
  const programs = {
    agent: 'run the agent of a Docker host',
    adopt: 'make a stack of plain containers of this host',
    relay: 'run a relay between agents',
  };
  for (const [name, does] of Object.entries(programs))
    program
      .command(name)
      .description(does)
      .argument('[options...]', `see: stackferry ${name} --help`)
      .helpOption(false);
  program
    .command('help')
    .description('show the options of a command')
    .argument('[command...]', 'its name')
    .action(run((session: Session, words: string[]) => help(session, program, words)));
  program
    .command('completion')
    .description('print a script that completes commands and names')
    .addArgument(program.createArgument('<shell>', 'shell type').choices(['bash', 'zsh', 'fish']))
    .action(run(completion));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(run((session: Session, words: string[]) => suggest(session, commandTree(), words)));
  return program;
}
