import { migrationView } from '../../schema/api/migrations.ts';
import type { Mode, Sizing, Verification } from '../../schema/migration-status.ts';
import { type Report, report } from '../../schema/preflight-report.ts';
import { duration } from '../../schema/units.ts';
import type { ApiClient } from '../api-client.ts';
import { confirm } from '../ask.ts';
import { consentsIn } from '../consents.ts';
import { exitCodes, usageError } from '../exit-code.ts';
import { findHost } from '../find.ts';
import { migrationLines } from '../output/migration.ts';
import { nextMove } from '../output/next-move.ts';
import { reportLines, verdict } from '../output/report.ts';
import type { Session } from '../session.ts';
import { watch } from '../watch.ts';

export interface PreflightOptions {
  to: string;
  from?: string;
  mode: Mode;
  sizing: Sizing;
  bind?: string[];
  env?: string[];
  exclude?: string[];
  proxyProtocol?: number[];
  onCutoverDns?: string[];
  /** Counts in the estimate too. */
  bandwidthLimit?: number;
}

export interface MigrateOptions extends PreflightOptions {
  verify?: Verification;
  healthTimeout?: number;
  callbackUrl?: string;
  at?: string;
  watch?: boolean;
  yes?: boolean;
}

/** Runs a pre-flight; changes nothing. */
export async function preflight(session: Session, stack: string, options: PreflightOptions) {
  const { term } = session;
  const client = await session.api();
  const found = await askPreflight(client, stack, await inputsOf(client, options));
  if (term.json) term.document(found);
  else term.out(...reportLines(term, found), '', verdict(term, found), ...next(session, stack, options, found));
  return found.passed ? exitCodes.done : exitCodes.preflight_failed;
}

/** Runs a pre-flight, asks for confirmation, then starts; with `--watch` follows it to its end. */
export async function migrate(session: Session, stack: string, options: MigrateOptions) {
  const { term } = session;
  const client = await session.api();
  if (options.at !== undefined && !consentsIn(options).hold)
    throw usageError('--at says when a held migration cuts over, so it needs --hold.');
  const inputs = await inputsOf(client, options);
  if (!options.yes && !term.interactive) await confirm(term, '', options);
  if (!term.json) {
    const found = await askPreflight(client, stack, inputs);
    const said = [...reportLines(term, found, { brief: true }), '', verdict(term, found)];
    term.out(...said, ...next(session, stack, options, found));
    if (!found.passed) return exitCodes.preflight_failed;
    await confirm(term, question(stack, options.to, options.mode, found), options);
  }
  const started = await client.post(
    `/stacks/${encodeURIComponent(stack)}/migrate`,
    {
      ...inputs,
      ...(options.verify === undefined ? {} : { verify: options.verify }),
      ...(options.healthTimeout === undefined ? {} : { health_timeout_s: options.healthTimeout }),
      ...(options.callbackUrl === undefined ? {} : { callback_url: options.callbackUrl }),
      ...(options.at === undefined ? {} : { cut_over_at: options.at }),
    },
    migrationView,
  );
  if (options.watch) {
    if (!term.json) term.out('');
    return watch(session, started, 'completed');
  }
  if (term.json) term.document(started);
  else term.out('', ...migrationLines(term, started));
  return exitCodes.done;
}

/** Says how a refused stack could move. */
function next({ term, url, profile }: Session, stack: string, options: MigrateOptions, found: Report): string[] {
  const flag = (name: string, value: string | number | undefined) => (value === undefined ? [] : [name, `${value}`]);
  const flags = [
    ...flag('--verify', options.verify),
    ...flag('--health-timeout', options.healthTimeout),
    ...flag('--bandwidth-limit', options.bandwidthLimit),
    ...flag('--callback-url', options.callbackUrl),
    ...flag('--at', options.at),
    ...(options.watch ? ['--watch'] : []),
    ...flag('--url', url),
    ...flag('--profile', profile),
  ];
  return nextMove(term, { stack, to: options.to, from: options.from, flags }, found);
}

type Inputs = Awaited<ReturnType<typeof inputsOf>>;

async function inputsOf(
  client: ApiClient,
  { to, from, mode, sizing, bind = [], env = [], exclude = [], ...options }: PreflightOptions,
) {
  const target = await findHost(client, to);
  const source = from === undefined ? null : await findHost(client, from);
  if (source?.id === target.id) throw usageError('--from and --to name the same host.');
  return {
    target_host_id: target.id,
    ...(source ? { source_host_id: source.id } : {}),
    mode,
    sizing,
    binds: bind,
    env,
    exclude,
    proxy_protocol: options.proxyProtocol ?? [],
    cutover_dns: options.onCutoverDns ?? [],
    ...(options.bandwidthLimit === undefined ? {} : { bandwidth_limit: options.bandwidthLimit }),
    ...consentsIn(options),
  };
}

const askPreflight = (client: ApiClient, stack: string, inputs: Inputs) =>
  client.post(`/stacks/${encodeURIComponent(stack)}/migrate/preflight`, inputs, report);

function question(stack: string, to: string, mode: Mode, { plan }: Report): string {
  const expected = plan?.expected.find((each) => each.mode === mode);
  const down = expected ? ` It will be down for about ${duration(expected.downtime_s * 1000)}.` : '';
  return `Move ${stack} to ${to} now?${down}`;
}
