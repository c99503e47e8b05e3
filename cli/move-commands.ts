import { type Command, Option } from 'commander';
import { statuses, verifications } from '../schema/migration-status.ts';
import { resolutions } from '../schema/saga.ts';
import {
  idHelp,
  moveOptions,
  onMigration,
  rate,
  rateOrNone,
  type runner,
  wholeNumber,
  yes,
  zonedTime,
} from './command-parts.ts';
import { cancel, cutover, limit, purge, resolve, retry, rollback } from './commands/after.ts';
import { forward } from './commands/forward.ts';
import { migrate, preflight } from './commands/migrate.ts';
import { migrations, show } from './commands/migrations.ts';

/** One stack: its migration, from the pre-flight to the purge. */
export function moveTree(program: Command, run: ReturnType<typeof runner>): void {
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
  onMigration(program, 'cutover', 'cut over a migration that is holding: stop the stack, start it on the target')
    .option('--at <time>', 'by itself at that time, like 2026-12-01T03:00+01:00', zonedTime)
    .addOption(yes())
    .action(run(cutover));
  program
    .command('forward')
    .description('show which connections still come to the old host, or stop passing them on')
    .argument('<id>', idHelp)
    .option('--end', 'pass none on any more: later ones are refused')
    .addOption(yes())
    .action(run(forward));
  onMigration(program, 'retry', 'retry a migration that needs attention, once the problem is fixed')
    .option('--stopped', 'assert that the copy which could not be stopped is stopped for good')
    .addOption(yes())
    .action(run(retry));
  program
    .command('resolve')
    .description('end a wait by decision where no retry can')
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
