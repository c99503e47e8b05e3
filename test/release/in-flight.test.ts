import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, apiClient } from '../../cli/api-client.ts';
import { until } from '../../cli/local/fleet.ts';
import { freePort } from '../../cli/local/free-port.ts';
import { type ControlPlane, startControlPlane } from '../../cli/local/start.ts';
import { databasePath } from '../../cli/serve/snapshot.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { type FalseHost, startFalseHost } from '../hostile/false-host.ts';
import { inFlight, reportStacks, script } from './in-flight.ts';
import { keptState, readNotes, type StateNotes } from './kept-release.ts';
import { shiftTimes } from './shift-times.ts';

/** The data directory that a control plane of the release before left, with its hosts' identities, under this one. */
const before = '0.1.0';

let dir = '';
let notes: StateNotes;
let control: ControlPlane | undefined;
let api: ApiClient;
const hosts: FalseHost[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stackferry-release-'));
  await keptState(before, dir);
  notes = await readNotes(dir);
  shiftTimes((await databasePath(dir))!, notes.made_at, Date.now());
  control = await startControlPlane({ dataDir: join(dir, 'control'), host: '127.0.0.1', port: 0 });
  api = apiClient(control.url, notes.token);
}, 90_000);
afterAll(async () => {
  for (const host of hosts) await host.close();
  await control?.close();
  await rm(dir, { recursive: true, force: true });
}, 30_000);

const show = (stack: string) => api.get<MigrationView>(`/migrations/${notes.migrations[stack]}`);

async function comesTo(stack: string, status: string): Promise<void> {
  await until(async () => {
    const view = await show(stack);
    return view.status === status && view.owed.length === 0;
  }, `${stack} to be ${status} and owe nothing`);
}

describe(`a database of ${before} with migrations in flight`, () => {
  it('C7: is read: each is where it was', async () => {
    for (const { stack, status } of inFlight) expect(await show(stack), stack).toMatchObject({ status });
  });

  it('C7: each goes on where it was once its hosts are back', async () => {
    for (const name of ['a', 'b']) {
      const host = await startFalseHost({ api, dir, control: control! }, name);
      host.script = script(() => null);
      hosts.push(host);
    }
    reportStacks(hosts[0]!);
    for (const { stack, end } of inFlight) if (end) await comesTo(stack, end);
    const asked = new Set(hosts.flatMap(({ commands }) => commands.map(({ migration_id }) => migration_id)));
    for (const { stack, held } of inFlight) expect(asked.has(notes.migrations[stack]!), stack).toBe(held.length > 0);
  }, 120_000);

  it('C7: what is in its safety window can be rolled back', async () => {
    expect((await show('in-window')).window).toMatchObject({ open: true });
    await api.post(`/migrations/${notes.migrations['in-window']}/rollback`, {});
    await comesTo('in-window', 'rolled_back');
  }, 60_000);
});

it("C7: nothing is served from such a database before it has this release's tables", async () => {
  const copy = await mkdtemp(join(tmpdir(), 'stackferry-release-'));
  await keptState(before, copy);
  const { made_at, token } = await readNotes(copy);
  shiftTimes((await databasePath(copy))!, made_at, Date.now());
  const port = await freePort('127.0.0.1');
  const lines: string[] = [];
  const answers = new Set<number>();
  let up = false;
  const asking = (async () => {
    while (!up) {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/hosts`, { headers }).catch(() => null);
      if (answer) answers.add(answer.status);
    }
  })();
  const started = await startControlPlane({
    ...{ dataDir: join(copy, 'control'), host: '127.0.0.1', port },
    onLog: (line) => lines.push(line),
  });
  try {
    await until(async () => answers.size > 0, 'an answer');
    up = true;
    await asking;
    expect([...answers]).toEqual([200]);
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  } finally {
    up = true;
    await started.close();
    await rm(copy, { recursive: true, force: true });
  }
}, 60_000);
