import { type Command, Option } from 'commander';
import type { runner } from './command-parts.ts';
import type { exportAuthority, importAuthority } from './commands/authority.ts';
import { backup, restore } from './commands/backup.ts';
import type { deploy } from './commands/deploy.ts';
import { serve } from './commands/serve.ts';

const dataOption = () => new Option('--data <dir>', 'its data directory').default('.data/serve').env('STACKFERRY_DATA');
const fromEnv = (flags: string, help: string) =>
  new Option(flags, help).env(`STACKFERRY_${flags.slice(2).split(' ')[0]!.toUpperCase().replaceAll('-', '_')}`);

/** Commands that run or deploy a control plane, and back up a local one. */
export function serveTree(program: Command, run: ReturnType<typeof runner>): void {
  program
    .command('serve')
    .description('run a control plane on this machine, with a relay')
    .addOption(dataOption())
    .addOption(fromEnv('--listen <host:port>', 'where it listens').default('127.0.0.1:8787'))
    .addOption(
      fromEnv('--public-url <url>', 'its address for hosts, browsers and join lines (default: the listening address)'),
    )
    .addOption(fromEnv('--relay-listen <host:port>', 'where its relay listens (default: the next port)'))
    .addOption(
      fromEnv('--relay-advertise <host:port>', 'where hosts reach the relay (default: host of the public URL)'),
    )
    .option('--no-relay', 'run no relay here: join relays elsewhere')
    .addOption(fromEnv('--tls-cert <file>', 'serve https with this certificate chain, PEM; read again when it changes'))
    .addOption(fromEnv('--tls-key <file>', 'its key, PEM'))
    .addOption(fromEnv('--trust-proxy', 'trust X-Forwarded-For and -Proto: only if nothing but your proxy can connect'))
    .addHelpText(
      'after',
      '\nThe variables SAFETY_WINDOW_HOURS, RETENTION_DAYS, RATE_LIMIT_PER_MINUTE and DEVELOPMENT are read too: docs/cli.md.\nThe variables OIDC_… set up the login at a provider: docs/security.md.',
    )
    .action(run(serve));
  program
    .command('deploy')
    .description('deploy the control plane to a Cloudflare account, or update it, with wrangler')
    .option('--domain <host>', 'a domain of that account, instead of workers.dev')
    .option('--host <name>', 'name of the first host, whose join line is printed', 'host-1')
    .option('--dry-run', 'build and check only, without touching an account')
    .option('--restored', 'its database was restored to an earlier time: query the hosts for what they did since')
    .option(
      '--without-authority',
      'deploy even if the keys of the certificate authority are lost, to import them afterwards',
    )
    .action(
      run(async (...given: Parameters<typeof deploy>) => (await import('./commands/deploy.ts')).deploy(...given)),
    );
  program
    .command('backup')
    .description('back up a control plane on this machine to a file, even while it runs')
    .argument('<file>', 'a new one: NAME.tar.gz')
    .addOption(dataOption())
    .action(run(backup));
  program
    .command('restore')
    .description('fill an empty data directory from a backup')
    .argument('<file>', 'what backup wrote')
    .addOption(dataOption())
    .action(run(restore));
  authorityTree(program, run);
}

function authorityTree(program: Command, run: ReturnType<typeof runner>): void {
  const tree = program
    .command('authority')
    .description('back up the keys of the certificate authority, of a control plane on Cloudflare or here');
  const one = (name: string, does: string, file: string) =>
    tree
      .command(name)
      .description(does)
      .argument('<file>', file)
      .option('--data <dir>', 'a stopped control plane here, instead of the one logged in to')
      .option('--passphrase-stdin', 'read the passphrase from standard input');
  one('export', 'export them to a file, encrypted with a passphrase', 'a new one').action(
    run(async (...given: Parameters<typeof exportAuthority>) =>
      (await import('./commands/authority.ts')).exportAuthority(...given),
    ),
  );
  one('import', 'import them after a loss', 'what export wrote').action(
    run(async (...given: Parameters<typeof importAuthority>) =>
      (await import('./commands/authority.ts')).importAuthority(...given),
    ),
  );
}
