import type { Command } from 'commander';
import type { runner } from './command-parts.ts';
import { bootstrapToken } from './commands/bootstrap-token.ts';
import { join } from './commands/join.ts';
import { login, logout } from './commands/login.ts';
import { profiles, removeProfile, useProfile } from './commands/profiles.ts';

/** Logins to control planes, and new hosts. */
export function beginTree(program: Command, run: ReturnType<typeof runner>): void {
  program
    .command('login')
    .description('store the address and token of a control plane')
    .argument('[url]', 'its address')
    .option('--token-stdin', 'read the token from standard input')
    .action(run(login));
  program.command('logout').description('remove the stored address and token').action(run(logout));
  const tree = program.command('profiles').description('list the stored logins');
  tree.command('list', { isDefault: true }).alias('ls').description('list the stored logins').action(run(profiles));
  tree
    .command('use')
    .description('use this login unless another is named')
    .argument('<profile>', 'its name')
    .action(run(useProfile));
  tree
    .command('remove')
    .description('remove a stored login')
    .argument('<profile>', 'its name')
    .action(run(removeProfile));
  program
    .command('bootstrap-token')
    .description('create the first admin token of a control plane on Cloudflare')
    .action(run(bootstrapToken));
  program
    .command('join')
    .description('create a host, and print how to start its agent')
    .argument('<name>', 'its new name')
    .option('--relay', 'a relay instead')
    .action(run(join));
}
