import { type Command, InvalidArgumentError, Option } from 'commander';
import { limits } from '../schema/limits.ts';
import { scopes } from '../schema/scopes.ts';
import { type runner, wholeNumber, yes } from './command-parts.ts';
import { audit } from './commands/audit.ts';
import { createApiToken, revokeToken, tokens, whoami } from './commands/tokens.ts';

/** Tokens, and who did what. */
export function accessTree(program: Command, run: ReturnType<typeof runner>): void {
  program
    .command('whoami')
    .description('show the control plane, the profile, and the token with its scopes and expiry')
    .action(run(whoami));
  const tree = program.command('tokens').description('list API tokens');
  tree
    .command('list', { isDefault: true })
    .alias('ls')
    .description('list API tokens')
    .option('--all', 'revoked and expired ones too')
    .action(run(tokens));
  tree
    .command('create')
    .description('create a token, and print its secret')
    .argument('<name>', 'what it is for')
    .addOption(
      new Option('--scope <scope...>', 'what it may do; each includes the ones before it')
        .choices(scopes)
        .makeOptionMandatory(),
    )
    .option('--expires-in <time>', 'when it ends: 90m, 12h, 30d (default: when it is revoked)', seconds)
    .action(run(createApiToken));
  tree
    .command('revoke')
    .description('revoke a token for good')
    .argument('<token>', 'name or id')
    .addOption(yes())
    .action(run(revokeToken));
  program
    .command('audit')
    .description('list who did what, newest first')
    .option('--actor <actor>', 'only acts of this token, host or relay, by name or id')
    .option('--act <act>', 'only this act: "POST /hosts"')
    .option('--limit <count>', 'maximum number', wholeNumber, 20)
    .action(run(audit));
}

const unitSeconds: Record<string, number> = { m: 60, h: 3_600, d: 86_400 };

/** Parses `90m`, `12h`, `30d`. */
function seconds(text: string): number {
  const [, many = '', unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const value = Number(many) * (unitSeconds[unit] ?? Number.NaN);
  const { tokenSecondsMin, tokenSecondsMax } = limits.api;
  if (value >= tokenSecondsMin && value <= tokenSecondsMax) return value;
  throw new InvalidArgumentError('A time like 90m, 12h or 30d, up to ten years.');
}
