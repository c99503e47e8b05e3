import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type ApiClient, apiClient } from '../../cli/api-client.ts';
import { startMember, until } from '../../cli/local/fleet.ts';
import { freePort } from '../../cli/local/free-port.ts';
import { startControlPlane } from '../../cli/local/start.ts';
import { agentVersion } from '../../node/version.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { type FalseHost, startFalseHost } from '../hostile/false-host.ts';
import { type InFlight, inFlight, reportStacks, script } from './in-flight.ts';
import { type KeptRelease, keepPrograms, keepState, releaseIn, writeNotes } from './kept-release.ts';

/**
 * Keeps this release for the tests of the next ones: see README.md here. `npm run build && node test/release/keep.ts`.
 */
const built = resolve(import.meta.dirname, '../../dist');

await mkdir(join(import.meta.dirname, agentVersion), { recursive: true });
await keepPrograms(agentVersion, built);
const dir = await mkdtemp(join(tmpdir(), 'stackferry-keep-'));
try {
  await fill(dir, await releaseIn(built));
  await keepState(agentVersion, dir);
} finally {
  await rm(dir, { recursive: true, force: true });
}

/** A control plane with every kind of migration in flight, stopped. */
async function fill(dir: string, release: KeptRelease): Promise<void> {
  const control = await startControlPlane({
    dataDir: join(dir, 'control'),
    host: '127.0.0.1',
    port: 0,
    files: release.control,
  });
  const token = control.adminToken!;
  const api = apiClient(control.url, token);
  const relayAddress = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const relayDir = await mkdtemp(join(tmpdir(), 'stackferry-keep-relay-'));
  const relay = await startMember({
    api,
    controlUrl: control.url,
    kind: 'relay',
    name: 'relay',
    stateDir: relayDir,
    program: [release.relay],
    arguments: ['--listen', relayAddress, '--advertise', relayAddress],
  });
  const hosts = [];
  for (const name of ['a', 'b']) hosts.push(await startFalseHost({ api, dir, control }, name));
  const migrations = await startAll(api, hosts);
  for (const host of hosts) await host.close();
  await relay.stop();
  await control.close();
  await rm(relayDir, { recursive: true, force: true });
  await settle(join(dir, 'control'));
  await writeNotes(dir, { made_at: Date.now(), url: control.url, token, migrations });
}

/** One after the other, so that a new migration's first command tells which it is. */
async function startAll(api: ApiClient, hosts: FalseHost[]): Promise<Record<string, string>> {
  const [source, target] = hosts as [FalseHost, FalseHost];
  const known = new Map<string, InFlight>();
  let current: InFlight | null = null;
  for (const host of hosts)
    host.script = script(({ migration_id }) => {
      if (!known.has(migration_id) && current) known.set(migration_id, current);
      return known.get(migration_id) ?? null;
    });
  reportStacks(source);
  const listed = async () => (await api.get<{ items: unknown[] }>('/stacks')).items.length === inFlight.length;
  await until(listed, 'the stacks to be listed');
  const ids: Record<string, string> = {};
  for (current of inFlight) {
    const { stack, status, held, rollingBack, options } = current;
    const body = { source_host_id: source.id, target_host_id: target.id, ...options };
    const { id } = await api.post<MigrationView>(`/stacks/${stack}/migrate`, body);
    ids[stack] = id;
    const show = () => api.get<MigrationView>(`/migrations/${id}`);
    if (rollingBack) {
      await until(async () => (await show()).status === 'completed', `${stack} to be completed`);
      await until(async () => (await show()).owed.length === 0, `${stack} to owe nothing`);
      await api.post(`/migrations/${id}/rollback`, {});
    }
    const asked = () => hosts.flatMap(({ commands }) => commands.filter(({ migration_id }) => migration_id === id));
    await until(async () => {
      const kinds = asked().map(({ kind }) => kind);
      return (await show()).status === status && held.every((kind) => kinds.includes(kind));
    }, `${stack} to be ${status}`);
  }
  return ids;
}

/** Nothing is left in the write-ahead logs. */
async function settle(dir: string): Promise<void> {
  const names = await readdir(dir, { recursive: true });
  for (const name of names.filter((path) => path.endsWith('.sqlite'))) {
    const database = new DatabaseSync(join(dir, name));
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    database.close();
  }
  await rm(join(dir, 'cache'), { recursive: true, force: true });
}
