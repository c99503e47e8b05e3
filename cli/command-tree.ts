import { Command, Option } from 'commander';
import { agentVersion } from '../node/version.ts';
import { statuses, verifications } from '../schema/migration-status.ts';
import { resolutions } from '../schema/saga.ts';
import { accessTree } from './access-commands.ts';
import { beginTree } from './begin-commands.ts';
import {
  addAll,
  everyBindMount,
  exclusions,
  idHelp,
  modeOption,
  moveOptions,
  onMigration,
  planFileOption,
  rate,
  rateOrNone,
  runner,
  wholeNumber,
  yes,
  zonedTime,
} from './command-parts.ts';
import { cancel, cutover, limit, purge, resolve, retry, rollback } from './commands/after.ts';
import { completion, suggest } from './commands/completion.ts';
import {
  abortDrain,
  cordon,
  cutOverDrain,
  drain,
  drains,
  pauseDrain,
  resumeDrain,
  showDrain,
  uncordon,
} from './commands/drain.ts';
import { help } from './commands/help.ts';
import { migrate, preflight } from './commands/migrate.ts';
import { migrations, show } from './commands/migrations.ts';
import { consentFlags } from './consents.ts';
import { type ExitCode, exitCodeHelp } from './exit-code.ts';
import { lookTree } from './look-commands.ts';
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

function moveTree(program: Command, run: ReturnType<typeof runner>): void {
  moveOptions(program.command('preflight').description('check whether a stack can be moved; changes nothing')).action(
    run(preflight),
  );
  moveOptions(program.command('migrate').description('move a stack to another host'))
    .addOption(
      new Option('--verify <what>', 'compare the lists of files, or their contents too').choices(verifications),
    )
    .option('--health-timeout <seconds>', 'time for the stack to become healthy', wholeNumber)
    .option('--bandwidth-limit <rate>', 'maximum bytes per second to send: 500K, 20M, 1G', rate)
    .option('--callback-url <url>', 'a webhook for this migration')
    .option('--at <time>', 'with --hold: cut over by itself then, like 2026-12-01T03:00+01:00', zonedTime)
    .option('--watch', 'follow it to its end')
    .addOption(yes())
    .action(run(migrate));
  program
    .command('migrations')
    .description('list migrations, newest first')
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list migrations, newest first')
    .option('--stack <stack>', 'only those of this stack')
    .option('--host <host>', 'only those from or to this host')
    .addOption(new Option('--status <status>', 'only those with this status').choices(statuses))
    .option('--cleanup-due', 'only those whose window has closed and whose source is still kept')
    .option('--limit <count>', 'maximum number', wholeNumber, 20)
    .action(run(migrations));
  onMigration(program, 'show', 'show a migration: steps, volumes, what to do next', 'follow it to its end').action(
    run(show),
  );
  program
    .command('limit')
    .description('change the bandwidth limit of a running migration')
    .argument('<id>', idHelp)
    .argument('<rate>', 'bytes per second: 500K, 20M, 1G; or none', rateOrNone)
    .action(run(limit));
  onMigration(program, 'cancel', 'cancel a migration; the stack stays on its source').action(run(cancel));
  onMigration(program, 'cutover', 'cut a migration over that holds: stop the stack, start it on the target')
    .option('--at <time>', 'by itself at that time, like 2026-12-01T03:00+01:00', zonedTime)
    .addOption(yes())
    .action(run(cutover));
  onMigration(program, 'retry', 'retry a migration that needs attention, after the repair')
    .option('--stopped', 'assert that the copy which could not be stopped is stopped for good')
    .addOption(yes())
    .action(run(retry));
  program
    .command('resolve')
    .description('end a wait by decision if nothing else will end it')
    .argument('<id>', idHelp)
    .addArgument(program.createArgument('<resolution>', 'which host is lost for good, or give_up').choices(resolutions))
    .option('--watch', 'follow it to its end')
    .addOption(yes())
    .action(run(resolve));
  onMigration(program, 'rollback', 'roll a completed migration back, while its window is open')
    .addOption(yes())
    .action(run(rollback));
  program
    .command('purge')
    .description('delete what a completed migration keeps on its source')
    .argument('<id>', idHelp)
    .option('--target', 'what a rolled-back migration left on its target')
    .addOption(yes())
    .action(run(purge));
}

function drainTree(program: Command, run: ReturnType<typeof runner>): void {
  const drainCommand = program
    .command('drain')
    .description('move all stacks off a host, each to where it fits best')
    .argument('<host>', 'name or id')
    .option('--plan', 'only show where each would go, and why one cannot')
    .option('--write-plan <file>', 'only write that to a new file, in which each stack has its own options')
    .addOption(planFileOption())
    .option('--stack <stack...>', 'only these')
    .option('--to <host>', 'only to this host')
    .option('--max-parallel <count>', 'concurrent migrations', wholeNumber)
    .addOption(modeOption())
    .addOption(everyBindMount())
    .addOption(exclusions())
    .option('--watch', 'follow it to its end')
    .addOption(yes())
    .action(run(drain));
  addAll(drainCommand, consentFlags());
  for (const [name, does, handler] of [
    ['cordon', 'close a host: no migration may target it', cordon],
    ['uncordon', 'reopen a host', uncordon],
  ] as const)
    program.command(name).description(does).argument('<host>', 'name or id').action(run(handler));
  const tree = program.command('drains').description('list drains');
  const one = (name: string, does: string) =>
    tree.command(name).description(does).argument('<drain>', 'its id, or a unique prefix of it');
  tree
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list drains, newest first')
    .option('--limit <count>', 'maximum number', wholeNumber, 20)
    .action(run(drains));
  one('show', 'what moved where, what stayed and why').option('--watch', 'follow it to its end').action(run(showDrain));
  one('pause', 'start no more migrations').action(run(pauseDrain));
  one('resume', 'resume a paused drain').action(run(resumeDrain));
  one('cutover', 'cut over every migration of it that holds')
    .option('--at <time>', 'by itself at that time, like 2026-12-01T03:00+01:00', zonedTime)
    .addOption(yes())
    .action(run(cutOverDrain));
  one('abort', 'end it: what has not moved stays on the host')
    .option('--cancel-running', 'also cancel running migrations')
    .addOption(yes())
    .action(run(abortDrain));
}
