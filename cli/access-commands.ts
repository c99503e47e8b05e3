import { type Command, InvalidArgumentError, Option } from 'commander';
import { auditFormats, auditKinds } from '../schema/api/access.ts';
import { limits } from '../schema/limits.ts';
import { scopes } from '../schema/scopes.ts';
import { type runner, wholeNumber, yes, zonedTime } from './command-parts.ts';
import { audit } from './commands/audit.ts';
import { createApiToken, restorePerson, revokeToken, tokens, whoami } from './commands/tokens.ts';

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
    .description('revoke a token for good, or the access of a person')
    .argument('<token>', 'name or id')
    .addOption(yes())
    .action(run(revokeToken));
  tree
    .command('restore')
    .description('let a person log in again whose access was revoked')
    .argument('<person>', 'name or id')
    .action(run(restorePerson));
  program
    .command('audit')
    .description('list who did what, newest first')
    .option('--actor <actor>', 'only acts of this token, person, host or relay, by name or id')
    .option('--act <act>', 'only this act: "POST /hosts"')
    .addOption(new Option('--kind <kind>', 'only acts about these').choices(auditKinds))
    .option('--host <host>', 'only what concerns this host, its migrations and drains, by name or id')
    .option('--stack <stack>', 'only what concerns stacks of this name, and their migrations')
    .option('--since <time>', 'only from then on: 30m, 12h, 7d ago, or 2026-12-01T03:00+01:00', pastTime)
    .option('--until <time>', 'only before, likewise', pastTime)
    .option('--limit <count>', 'maximum number', wholeNumber, 20)
    .addOption(
      new Option('--export <format>', 'print all that fits as a file, whatever the limit').choices(auditFormats),
    )
    .action(run(audit));
}

/** Parses `90m`, `12h`, `30d` ago, or a time with its zone; returns it as RFC 3339. */
function pastTime(text: string): string {
  const [, many, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (many === undefined) return zonedTime(text);
  return new Date(Date.now() - Number(many) * (unitSeconds[unit] ?? 0) * 1000).toISOString();
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
