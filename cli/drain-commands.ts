import type { Command } from 'commander';
import {
  addAll,
  everyBindMount,
  exclusions,
  modeOption,
  planFileOption,
  type runner,
  wholeNumber,
  yes,
  zonedTime,
} from './command-parts.ts';
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
import { consentFlags } from './consents.ts';

/** All stacks of a host. */
export function drainTree(program: Command, run: ReturnType<typeof runner>): void {
  const drainCommand = program
    .command('drain')
    .description('move all stacks off a host, each to the host with the most room left')
    .argument('<host>', 'name or id')
    .option('--plan', 'only show where each would go, and why one cannot')
    .option('--write-plan <file>', 'only write that to a new file, in which each stack has its own options')
    .addOption(planFileOption())
    .option('--stack <stack...>', 'only these')
    .option('--to <host>', 'only to this host')
    .option('--pack', 'fill as few hosts as possible')
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
  one('cutover', 'cut over every migration of it that is holding')
    .option('--at <time>', 'by itself at that time, like 2026-12-01T03:00+01:00', zonedTime)
    .addOption(yes())
    .action(run(cutOverDrain));
  one('abort', 'end it: what has not moved stays on the host')
    .option('--cancel-running', 'also cancel running migrations')
    .addOption(yes())
    .action(run(abortDrain));
}
