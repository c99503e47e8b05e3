import { Command, Option } from 'commander';
import { agentVersion } from '../agent/version.ts';
import { statuses, verifications } from '../schema/migration-status.ts';
import { resolutions } from '../schema/saga.ts';
import { deliveryStatuses, webhookTypes } from '../schema/webhook-events.ts';
import {
  acceptUnmoved,
  idHelp,
  modeOption,
  moveOptions,
  onMigration,
  rate,
  rateOrNone,
  runner,
  wholeNumber,
  yes,
} from './command-parts.ts';
import { cancel, limit, purge, resolve, retry, rollback } from './commands/after.ts';
import { bootstrapToken } from './commands/bootstrap-token.ts';
import { completion, suggest } from './commands/completion.ts';
import { abortDrain, cordon, drain, drains, pauseDrain, resumeDrain, showDrain, uncordon } from './commands/drain.ts';
import { deleteHost, deleteRelay, hosts, relays, showHost } from './commands/hosts.ts';
import { join } from './commands/join.ts';
import { login, logout } from './commands/login.ts';
import { migrate, preflight } from './commands/migrate.ts';
import { migrations, show } from './commands/migrations.ts';
import { showStack, stacks } from './commands/stacks.ts';
import {
  createWebhook,
  deleteWebhook,
  deliveries,
  disableWebhook,
  enableWebhook,
  replayWebhook,
  rotateWebhook,
  testWebhook,
  webhooks,
} from './commands/webhooks.ts';
import { type ExitCode, exitCodeHelp } from './exit-code.ts';
import type { Session } from './session.ts';

/**
 * The operators' commands over the API: the tree is the tour. Each command is in `commands/`, what it prints in
 * `output/`, what it exits with in `exit-code.ts`. `done` is told the exit code of the one that ran.
 */
export function commandTree(done: (code: ExitCode) => void = () => {}): Command {
  const run = runner(done);
  const program = new Command('stackferry')
    .description('Moves running Docker Compose stacks between hosts, volumes included.')
    .version(agentVersion)
    .option('--json', 'answer in JSON: one document, or one a line with --watch')
    .option('--no-color', 'no colours (or set NO_COLOR)')
    .option('--url <url>', 'the control plane, instead of the one logged in to')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', `\n${exitCodeHelp}`);

  program.commandsGroup('Begin:');
  program
    .command('login')
    .description('keep address and token of a control plane')
    .argument('[url]', 'its address')
    .option('--token-stdin', 'read the token from standard input')
    .action(run(login));
  program.command('logout').description('forget them').action(run(logout));
  program
    .command('bootstrap-token')
    .description('make the first admin token of a control plane on Cloudflare')
    .action(run(bootstrapToken));
  program
    .command('join')
    .description('create a host, and print how to start its agent')
    .argument('<name>', 'how it will be called')
    .option('--relay', 'a relay instead')
    .action(run(join));

  program.commandsGroup('Look:');
  const hostTree = program.command('hosts').description('list hosts');
  hostTree.command('list', { isDefault: true }).description('list hosts').action(run(hosts));
  hostTree.command('show').description('show one').argument('<host>', 'name or id').action(run(showHost));
  hostTree
    .command('delete')
    .description('revoke a host and forget it')
    .argument('<host>', 'name or id')
    .addOption(yes())
    .action(run(deleteHost));
  const relayTree = program.command('relays').description('list relays');
  relayTree.command('list', { isDefault: true }).description('list relays').action(run(relays));
  relayTree
    .command('delete')
    .description('revoke a relay and forget it')
    .argument('<relay>', 'name or id')
    .addOption(yes())
    .action(run(deleteRelay));
  const stackTree = program.command('stacks').description('list stacks');
  stackTree
    .command('list', { isDefault: true })
    .description('list stacks')
    .option('--host <host>', 'only those of this host')
    .action(run(stacks));
  stackTree
    .command('show')
    .description('show one')
    .argument('<stack>', 'its name')
    .option('--from <host>', 'where several hosts run one of that name')
    .action(run(showStack));

  program.commandsGroup('Move:');
  moveOptions(
    program.command('preflight').description('find out whether a stack can be moved; changes nothing'),
  ).action(run(preflight));
  moveOptions(program.command('migrate').description('move a stack to another host'))
    .addOption(
      new Option('--verify <what>', 'compare the lists of files, or their contents too').choices(verifications),
    )
    .option('--health-timeout <seconds>', 'how long it may take to become healthy', wholeNumber)
    .option('--bandwidth-limit <rate>', 'bytes per second to send at most: 500K, 20M, 1G', rate)
    .option('--callback-url <url>', 'a webhook for this migration')
    .option('--watch', 'stay, and follow it to its end')
    .addOption(yes())
    .action(run(migrate));
  program
    .command('migrations')
    .description('list migrations, newest first')
    .option('--stack <stack>', 'only of this stack')
    .option('--host <host>', 'only from or to this host')
    .addOption(new Option('--status <status>', 'only in this state').choices(statuses))
    .option('--cleanup-due', 'only with a closed window and a source that is still kept')
    .option('--limit <count>', 'at most so many', wholeNumber, 20)
    .action(run(migrations));
  onMigration(program, 'show', 'show a migration: steps, volumes, what to do next', 'follow it to its end').action(
    run(show),
  );
  program
    .command('limit')
    .description('change how much a running migration may send')
    .argument('<id>', idHelp)
    .argument('<rate>', 'bytes per second: 500K, 20M, 1G; or none', rateOrNone)
    .action(run(limit));
  onMigration(program, 'cancel', 'stop a migration; the stack goes on where it was').action(run(cancel));
  onMigration(program, 'retry', 'try again at once what needs attention, after it was mended')
    .option('--stopped', 'you vouch that the copy which could not be stopped is stopped for good')
    .addOption(yes())
    .action(run(retry));
  program
    .command('resolve')
    .description('decide what becomes of a wait that nothing else will end')
    .argument('<id>', idHelp)
    .addArgument(program.createArgument('<resolution>', 'which host is lost for good, or give_up').choices(resolutions))
    .option('--watch', 'stay, and follow it to its end')
    .addOption(yes())
    .action(run(resolve));
  onMigration(program, 'rollback', 'bring a completed migration back, while its window is open')
    .addOption(yes())
    .action(run(rollback));
  program
    .command('purge')
    .description('delete what a completed migration keeps on its source')
    .argument('<id>', idHelp)
    .option('--target', 'what a rolled back one left on its target')
    .addOption(yes())
    .action(run(purge));

  program.commandsGroup('Empty a host:');
  drainTree(program, run);

  program.commandsGroup('Tell others:');
  webhookTree(program, run);

  program.commandsGroup('Run:');
  for (const name of ['agent', 'relay'])
    program
      .command(name)
      .description(name === 'agent' ? 'be the agent of a Docker host' : 'be a relay between agents')
      .argument('[options...]', `see: stackferry ${name} --help`)
      .helpOption(false);
  program
    .command('completion')
    .description('print a script that completes commands and names')
    .addArgument(program.createArgument('<shell>', 'yours').choices(['bash', 'zsh', 'fish']))
    .action(run(completion));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(run((session: Session, words: string[]) => suggest(session, commandTree(), words)));
  return program;
}

function drainTree(program: Command, run: ReturnType<typeof runner>): void {
  program
    .command('drain')
    .description('move all stacks off a host, each to where it fits best')
    .argument('<host>', 'name or id')
    .option('--plan', 'only say where each would go, and why one cannot')
    .option('--stack <stack...>', 'only these')
    .option('--to <host>', 'only to this host')
    .option('--max-parallel <count>', 'migrations at a time', wholeNumber)
    .addOption(modeOption())
    .addOption(acceptUnmoved())
    .option('--watch', 'stay, and follow it to its end')
    .addOption(yes())
    .action(run(drain));
  for (const [name, does, handler] of [
    ['cordon', 'close a host: no migration may target it', cordon],
    ['uncordon', 'open it again', uncordon],
  ] as const)
    program.command(name).description(does).argument('<host>', 'name or id').action(run(handler));
  const tree = program.command('drains').description('list drains');
  const one = (name: string, does: string) =>
    tree.command(name).description(does).argument('<drain>', 'its id, or a beginning of it');
  tree
    .command('list', { isDefault: true })
    .description('list drains, newest first')
    .option('--limit <count>', 'at most so many', wholeNumber, 20)
    .action(run(drains));
  one('show', 'what moved where, what stayed and why').option('--watch', 'follow it to its end').action(run(showDrain));
  one('pause', 'start nothing more').action(run(pauseDrain));
  one('resume', 'go on').action(run(resumeDrain));
  one('abort', 'end it: what has not moved stays at home')
    .option('--cancel-running', 'bring home what is under way too')
    .addOption(yes())
    .action(run(abortDrain));
}

function webhookTree(program: Command, run: ReturnType<typeof runner>): void {
  const tree = program.command('webhooks').description('list webhooks');
  const one = (name: string, does: string) =>
    tree.command(name).description(does).argument('<webhook>', 'id, a beginning of it, or URL');
  tree.command('list', { isDefault: true }).description('list webhooks').action(run(webhooks));
  tree
    .command('create')
    .description('register one, and print its secret')
    .argument('<url>', 'where events are sent')
    .addOption(new Option('--event <type...>', 'only these events').choices(webhookTypes))
    .action(run(createWebhook));
  one('delete', 'delete one with its deliveries').addOption(yes()).action(run(deleteWebhook));
  one('enable', 'let it get events again').action(run(enableWebhook));
  one('disable', 'let it get no events').action(run(disableWebhook));
  one('rotate', 'make a new secret')
    .option('--overlap <seconds>', 'how long the one before signs too', wholeNumber)
    .action(run(rotateWebhook));
  one('test', 'send a test, and wait for the answer').action(run(testWebhook));
  one('deliveries', 'what was sent, and what was answered')
    .addOption(new Option('--status <status>', 'only in this state').choices(deliveryStatuses))
    .option('--limit <count>', 'at most so many', wholeNumber, 20)
    .action(run(deliveries));
  one('replay', 'send the dead letters again, or one event').argument('[event]', 'its id').action(run(replayWebhook));
}
