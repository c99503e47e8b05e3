import { type Command, Option } from 'commander';
import { limits } from '../schema/limits.ts';
import { deliveryStatuses, webhookTypes } from '../schema/webhook-events.ts';
import { webhookKinds } from '../schema/webhook-kinds.ts';
import { type runner, wholeNumber, wholeNumberIn, yes } from './command-parts.ts';
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

/** Webhooks and their deliveries. */
export function webhookTree(program: Command, run: ReturnType<typeof runner>): void {
  const tree = program.command('webhooks').description('list webhooks');
  const one = (name: string, does: string) =>
    tree.command(name).description(does).argument('<webhook>', 'id, a beginning of it, or URL');
  tree.command('list', { isDefault: true }).alias('ls').description('list webhooks').action(run(webhooks));
  tree
    .command('create')
    .description('register a webhook; prints the secret if it is signed')
    .argument('<url>', 'where events are sent: of a receiver, a Slack or Discord webhook, an ntfy topic, …')
    .addOption(
      new Option('--kind <kind>', 'signed JSON, or messages for people').choices(webhookKinds).default('standard'),
    )
    .option('--token-stdin', 'read its token from standard input')
    .option('--from <address>', '(email) the sender')
    .option('--to <address...>', '(email) the recipients')
    .addOption(new Option('--event <type...>', 'only these events').choices(webhookTypes))
    .action(run(createWebhook));
  one('delete', 'delete a webhook with its deliveries').addOption(yes()).action(run(deleteWebhook));
  one('enable', 'send it events again').action(run(enableWebhook));
  one('disable', 'send it no more events').action(run(disableWebhook));
  one('rotate', 'create a new secret')
    .option(
      '--overlap <seconds>',
      'how long the previous secret signs as well (default: a day)',
      wholeNumberIn(0, limits.webhook.overlapSMax),
    )
    .action(run(rotateWebhook));
  one('test', 'send a test, and wait for the answer').action(run(testWebhook));
  one('deliveries', 'what was sent, and what was answered')
    .addOption(new Option('--status <status>', 'only those with this status').choices(deliveryStatuses))
    .option('--limit <count>', 'maximum number', wholeNumber, 20)
    .action(run(deliveries));
  one('replay', 'send the dead letters again, or one event').argument('[event]', 'its id').action(run(replayWebhook));
}
