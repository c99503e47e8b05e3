import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type MigrationView, type ProgressView, progressView } from '../../schema/api/migrations.ts';
import { share } from '../../schema/units.ts';
import { type ApiClient, ApiProblem, apiClient } from '../api-client.ts';
import { CliError } from '../exit-code.ts';
import { type Member, startMember, until } from '../local/fleet.ts';
import { freePort } from '../local/free-port.ts';
import { removeFleet } from '../local/remove-fleet.ts';
import { startControlPlane } from '../local/start.ts';
import { untilSignal } from '../until-signal.ts';
import { dockerStage } from './docker-stage.ts';
import { embeddedStage } from './embedded-stage.ts';
import type { HostName, Stage } from './stage.ts';
import { takeDirectory } from './take-directory.ts';
import { watchPage } from './visitors.ts';

/**
 * `npm run demo [-- --once] [-- --docker]`: starts a control plane, a relay and two hosts on this machine with a sample
 * stack on one of them, and migrates it to the other, explaining each step. With `--once` it then exits; otherwise it
 * stays up. With `--docker` visitors of the stack's page come all the while, and it says what they met.
 */
const say = (line: string) => process.stdout.write(`${line}\n`);

const { values: flags } = parseArgs({
  options: { once: { type: 'boolean', default: false }, docker: { type: 'boolean', default: false } },
});

const dir = fileURLToPath(new URL(`../../.data/demo-${flags.docker ? 'docker' : 'embedded'}`, import.meta.url));
const closers: (() => Promise<void>)[] = [];

async function main(): Promise<void> {
  const held = await takeDirectory(dir);
  closers.push(() => held.release());
  await removeFleet(dir);
  await mkdir(dir, { recursive: true });
  const stage = flags.docker ? await dockerStage(dir, say) : await embeddedStage(dir);
  closers.unshift(() => stage.close());
  say(`Stackferry demo on ${stage.title}`);

  // As agents and relay have it: a log of its own.
  const log = createWriteStream(`${dir}/control.log`);
  const onLog = (line: string) => void log.write(`${line}\n`);
  const control = await startControlPlane({ dataDir: `${dir}/control`, host: stage.address, port: 0, onLog });
  closers.unshift(() => control.close());
  const token = control.adminToken ?? '';
  const api = apiClient(control.url, token);
  say(`control plane at ${control.url}`);

  await startRelay(api, control.url, stage);
  const hosts = { a: await startHost(api, control.url, stage, 'a'), b: await startHost(api, control.url, stage, 'b') };

  await stage.seed();
  await until(async () => (await homeOf(api, stage.stack)) === hosts.a.id, `stack "${stage.stack}" to be listed`);
  const before = await stage.fingerprint('a');
  say(`stack "${stage.stack}" runs on host-a; the digest of its data is ${before.slice(0, 12)}…`);

  const watch = stage.page === undefined ? null : await watchPage(stage.page);
  const startedAt = Date.now();
  const migration = await migrate(api, stage, hosts.b);
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  if (migration.status !== 'completed') throw new Error(`the migration ended ${migration.status}`);
  if (watch) closers.unshift(() => endForwarding(api, migration.id));
  if (!(await stage.runs('b')) || (await stage.runs('a')))
    throw new Error('the stack must run on host-b, and only there');
  const after = await stage.fingerprint('b');
  if (after !== before) throw new Error(`the data differs: ${before} before, ${after} after`);
  say(`migrated ${stage.stack} from host-a to host-b in ${seconds} s, data verified`);
  for (const line of (await watch?.told(migration)) ?? []) say(line);
  if (flags.once) return;
  tellWhatNext(control.url, token, stage, hosts);
  await untilSignal();
}

async function startHost(api: ApiClient, controlUrl: string, stage: Stage, name: HostName): Promise<Member> {
  const { arguments: args, netns } = stage.host(name);
  const member = await startMember({
    api,
    controlUrl,
    kind: 'host',
    name: `host-${name}`,
    stateDir: `${dir}/host-${name}`,
    arguments: args,
    ...(netns ? { netns } : {}),
  });
  closers.unshift(() => member.stop());
  say(`host-${name} is online (${member.id})`);
  return member;
}

async function startRelay(api: ApiClient, controlUrl: string, { address }: Stage): Promise<void> {
  const at = `${address}:${await freePort(address)}`;
  const relay = await startMember({
    api,
    controlUrl,
    kind: 'relay',
    name: 'relay',
    stateDir: `${dir}/relay`,
    arguments: ['--listen', at, '--advertise', at, '--metrics', `127.0.0.1:${await freePort('127.0.0.1')}`],
  });
  closers.unshift(() => relay.stop());
  say(`relay is online at ${at}`);
}

/** Unless a person ended it: the rules of a host outlive its agent. */
async function endForwarding(api: ApiClient, id: string): Promise<void> {
  const show = () => api.get<MigrationView>(`/migrations/${id}`);
  if ((await show()).forwarding?.phase !== 'forwarding') return;
  await api.delete(`/migrations/${id}/forwarding`);
  await until(async () => (await show()).owed.length === 0, 'the end of forwarding');
}

async function migrate(api: ApiClient, { stack, page }: Stage, target: Member): Promise<MigrationView> {
  const started = await api.post<MigrationView>(`/stacks/${stack}/migrate`, {
    target_host_id: target.id,
    sizing: 'stack',
    forward: page !== undefined,
  });
  for (const { name, status, detail } of started.report?.checks ?? []) say(`  check ${name}: ${status}. ${detail}`);
  for await (const { kind, data } of api.follow(started.id)) {
    const told = (data.data ?? data) as Record<string, unknown>;
    if (kind === 'status' && told.to) say(`  ${told.to}`);
    else if (kind === 'progress') say(`  … ${progressSays(progressView.parse(data))}`);
    else if (kind === 'failure' || kind === 'notice') say(`  ${kind}: ${told.message}`);
  }
  const show = () => api.get<MigrationView>(`/migrations/${started.id}`);
  await until(async () => (await show()).owed.length === 0, 'the restart policies to be set');
  return show();
}

const progressSays = ({ bytes_done, bytes_total }: ProgressView) => share(bytes_done, bytes_total);

async function homeOf(api: ApiClient, stack: string): Promise<string | undefined> {
  const { items } = await api.get<{ items: { name: string; host_id: string }[] }>('/stacks');
  return items.find(({ name }) => name === stack)?.host_id;
}

function tellWhatNext(url: string, token: string, { stack, page }: Stage, hosts: Record<HostName, Member>): void {
  const header = `-H 'authorization: Bearer ${token}'`;
  say(`
It stays up until Ctrl-C. Look at it in the browser:
  ${url}/ui
and log in with the admin token
  ${token}
The API is at ${url}/api/v1. Try:
  curl ${header} ${url}/api/v1/hosts
  curl ${header} ${url}/api/v1/stacks
  curl ${header} ${url}/api/v1/migrations
  curl ${header} -H 'content-type: application/json' -d '{"target_host_id":"${hosts.a.id}","sizing":"stack"}' \\
    ${url}/api/v1/stacks/${stack}/migrate/preflight`);
  if (page !== undefined) say(`The old address goes on to host-b, and counts:\n  curl ${page}`);
}

try {
  await main();
} catch (error) {
  say(`the demo failed: ${error instanceof Error ? error.message : error}`);
  if (error instanceof CliError) for (const next of error.next) say(next);
  if (error instanceof ApiProblem) say(JSON.stringify(error.body, null, 2));
  process.exitCode = 1;
} finally {
  for (const close of closers) await close().catch((error) => say(`while closing: ${error}`));
}
