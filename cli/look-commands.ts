import type { Command } from 'commander';
import { type runner, yes } from './command-parts.ts';
import { deleteHost, deleteRelay, hosts, relays, showHost } from './commands/hosts.ts';
import { showStack, stacks } from './commands/stacks.ts';
import { status } from './commands/status.ts';
import { upgradeHosts } from './commands/upgrade.ts';

/** The fleet as it is: status, hosts, relays, stacks. */
export function lookTree(program: Command, run: ReturnType<typeof runner>): void {
  program
    .command('status')
    .description('one screen: what needs attention, what is moving, open windows, offline hosts')
    .action(run(status));
  const hostTree = program.command('hosts').description('list hosts');
  hostTree.command('list', { isDefault: true }).alias('ls').description('list hosts').action(run(hosts));
  hostTree.command('show').description('show details').argument('<host>', 'name or id').action(run(showHost));
  hostTree
    .command('upgrade')
    .description("upgrade an idle host's agent to the one that the control plane serves")
    .argument('[host]', 'name or id')
    .option('--all', 'all hosts, one after another')
    .action(run(upgradeHosts));
  hostTree
    .command('delete')
    .description('revoke a host and forget it')
    .argument('<host>', 'name or id')
    .addOption(yes())
    .action(run(deleteHost));
  const relayTree = program.command('relays').description('list relays');
  relayTree.command('list', { isDefault: true }).alias('ls').description('list relays').action(run(relays));
  relayTree
    .command('delete')
    .description('revoke a relay and forget it')
    .argument('<relay>', 'name or id')
    .addOption(yes())
    .action(run(deleteRelay));
  const stackTree = program.command('stacks').alias('ls').description('list stacks');
  stackTree
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list stacks')
    .option('--host <host>', 'only those of this host')
    .action(run(stacks));
  stackTree
    .command('show')
    .description('show details')
    .argument('<stack>', 'its name')
    .option('--from <host>', 'if several hosts run a stack of that name')
    .action(run(showStack));
}
