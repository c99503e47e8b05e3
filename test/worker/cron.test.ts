import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runSchedules } from '../../worker/cron/schedule.ts';
import { plan } from '../saga/story.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { bindingsWith, failingDb } from './support/databases.ts';
import { join } from './support/node.ts';
import { insertCommand, insertMigration, insertStack, windowEndingAt } from './support/records.ts';

const hour = 3_600_000;
/** A tick in which everything is due, after all that the tests make. */
const nextHour = () => Math.ceil(Date.now() / hour) * hour;

interface Line {
  name: string;
  done: number;
  failed: number;
  took_ms: number;
  why?: string;
}
interface Run {
  level: string;
  msg: string;
  scheduled_at: string;
  took_ms: number;
  lines: Line[];
}

let said: Run[];
beforeEach(() => {
  said = [];
  for (const level of ['info', 'error'] as const)
    vi.spyOn(console, level).mockImplementation((line) => void said.push(JSON.parse(line)));
});
afterEach(() => vi.restoreAllMocks());

const runs = () => said.filter(({ msg }) => msg === 'cron');
const did = (run: Run | undefined) => Object.fromEntries((run?.lines ?? []).map(({ name, done }) => [name, done]));
const count = async (statement: string) => (await env.DB.prepare(statement).first<{ n: number }>())?.n;

/** A migration whose window is over while its source is kept. */
async function overdue(): Promise<string> {
  const admin = await tokenWith(['admin']);
  const [a, b] = [await join(admin, 'host', 'a'), await join(admin, 'host', 'b')];
  const stack_id = await insertStack('shop', b.id);
  const window = windowEndingAt(Date.now() - 1);
  return insertMigration({
    ...{ stack_id, stack_name: 'shop', source_host_id: a.id, target_host_id: b.id, status: 'completed' as const },
    created_at: window.completed_at,
    saga: { plan, window },
  });
}

const seen = (jti: string, at: number) =>
  env.DB.prepare('INSERT INTO seen_token (jti, expires_at) VALUES (?, ?)').bind(jti, at).run();

describe('the cleaner', () => {
  it('leaves a line of each run: what was due, what it did, how long it took', async () => {
    await overdue();
    await seen('old', Date.now() - 1);
    await seen('new', nextHour() + 1);
    const now = nextHour();
    await runSchedules(bindings, now);
    expect(runs()).toHaveLength(1);
    const [run] = runs();
    expect(run).toMatchObject({ level: 'info', scheduled_at: new Date(now).toISOString() });
    expect(did(run)).toMatchObject({
      ...{ 'window reminders': 1, 'one-time ids expired': 1, 'idempotency keys expired': 0 },
      ...{ 'audit entries expired': 0, 'owed revocations': 0, 'webhook deliveries queued': 0 },
    });
    for (const line of run!.lines)
      expect(line).toEqual({
        name: expect.any(String),
        done: expect.any(Number),
        failed: 0,
        took_ms: expect.any(Number),
      });
    expect(await count('SELECT count(*) AS n FROM seen_token')).toBe(1);
  });

  it('runs the hourly lines once an hour, the others at every call', async () => {
    for (let minute = 0; minute < 60; minute += 5) await runSchedules(bindings, nextHour() + minute * 60_000);
    const named = (name: string) => runs().filter((run) => name in did(run)).length;
    expect(named('migrations woken')).toBe(12);
    expect(named('window reminders')).toBe(1);
  });

  it('F6: a line that fails keeps none of the others from running, says so, and is made up for later', async () => {
    await seen('old', Date.now() - 1);
    const id = await overdue();
    const bound = bindingsWith({ DB: failingDb(/seen_token/) });
    await runSchedules(bound, nextHour());
    const [run] = runs();
    expect(run?.lines.find(({ name }) => name === 'one-time ids expired')).toMatchObject({
      ...{ done: 0, failed: 1 },
      why: expect.any(String),
    });
    expect(did(run)).toMatchObject({ 'window reminders': 1 });
    expect(said.filter(({ level }) => level === 'error')).toMatchObject([{ msg: 'schedule failed' }]);
    expect(await count(`SELECT count(*) AS n FROM migration_event WHERE migration_id = '${id}'`)).toBe(1);
    await runSchedules(bindings, nextHour() + hour);
    expect(did(runs()[1])).toMatchObject({ 'one-time ids expired': 1 });
  });

  it('one object out of reach keeps none of the others from being woken', async () => {
    const admin = await tokenWith(['admin']);
    const [a, b] = [await join(admin, 'host', 'a'), await join(admin, 'host', 'b')];
    const ids = await Promise.all(['one', 'two', 'three'].map((name) => insertStack(name, a.id)));
    for (const [index, stack_id] of ids.entries()) {
      const hosts = { source_host_id: a.id, target_host_id: b.id };
      const migration = await insertMigration({ stack_id, stack_name: `s${index}`, ...hosts });
      await insertCommand(migration, a.id, `${migration}.1`);
    }
    const woken: string[] = [];
    const STACK_MIGRATION = {
      idFromName: (name: string) => name,
      get: (id: unknown) => {
        if (id === ids[1]) throw new Error('the object is out of reach');
        return { wake: async () => void woken.push(String(id)) };
      },
    } as unknown as typeof bindings.STACK_MIGRATION;
    await runSchedules(bindingsWith({ STACK_MIGRATION }), nextHour() + 5 * 60_000);
    expect(woken.toSorted()).toEqual([ids[0]!, ids[2]!].toSorted());
    const line = runs()[0]?.lines.find(({ name }) => name === 'migrations woken');
    expect(line).toMatchObject({ done: 2, failed: 1, why: 'the object is out of reach' });
  });

  it('F3: called late, twice, or twice at once, it does nothing twice', async () => {
    const token = await tokenWith(['admin']);
    const id = await overdue();
    const webhook = { url: 'https://hooks.example.com/stackferry' };
    expect((await call('POST', '/api/v1/webhooks', { token, body: webhook })).status).toBe(201);
    await seen('old', Date.now() - 1);
    const now = nextHour();
    await Promise.all([runSchedules(bindings, now), runSchedules(bindings, now)]);
    for (const at of [now, now + hour, now - hour]) await runSchedules(bindings, at);
    expect(await count(`SELECT count(*) AS n FROM migration_event WHERE migration_id = '${id}'`)).toBe(1);
    expect(await count(`SELECT count(*) AS n FROM webhook_event WHERE subject_id = '${id}'`)).toBe(1);
    expect(await count('SELECT count(*) AS n FROM webhook_delivery')).toBe(1);
    const expired = runs().map((run) => did(run)['one-time ids expired'] ?? 0);
    expect(expired.reduce((sum, n) => sum + n, 0)).toBe(1);
    expect(runs().every(({ lines }) => lines.every(({ failed }) => failed === 0))).toBe(true);
  });
});
