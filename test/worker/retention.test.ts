import { env } from 'cloudflare:workers';
import { drizzle } from 'drizzle-orm/d1';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import type { Status } from '../../schema/migration-status.ts';
import type { Saga } from '../../schema/saga.ts';
import { retentionMsOf } from '../../worker/cron/retention.ts';
import { runSchedules } from '../../worker/cron/schedule.ts';
import { insertAudit } from '../../worker/store/audit.ts';
import { forgetMigrations, trimMigrations } from '../../worker/store/retention.ts';
import { drain, drainTransition } from '../../worker/tables/drains.ts';
import { node, seenToken, stack } from '../../worker/tables/fleet.ts';
import { command, migrationEvent, transition } from '../../worker/tables/migrations.ts';
import { webhookDelivery, webhookEndpoint, webhookEvent } from '../../worker/tables/webhooks.ts';
import { EventLog } from '../../worker/ui/parts/event-log.tsx';
import { bindings } from './support/api.ts';
import { bindingsWith } from './support/databases.ts';
import { insertMigration, summaryOf, windowEndingAt } from './support/records.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const orm = () => drizzle(env.DB);

beforeEach(() => {
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(() => undefined);
});
afterEach(() => vi.restoreAllMocks());

const purged = (at: number) => ({ requested_at: at, done_at: at, remaining: [], left_out: [] });
const settledSaga = (status: Status, at: number): Partial<Saga> => {
  const quiet = { deadline_at: null };
  const window = windowEndingAt(at + 3 * dayMs);
  if (status === 'completed') return { ...quiet, window: { ...window, source_purge: purged(at) } };
  if (status === 'rolled_back') return { ...quiet, window: { ...window, target_purge: purged(at) } };
  return quiet;
};

/** A migration of a stack of its own with all that it leaves: history, a callback, a delivered event. */
async function moved(status: Status, at: number, saga: Partial<Saga> = settledSaga(status, at)): Promise<string> {
  const stack_id = newId('stack', at);
  const hosts = { source_host_id: 'host_a', target_host_id: 'host_b' };
  const id = await insertMigration({ stack_id, stack_name: stack_id, ...hosts, status, created_at: at, saga });
  const event_id = newId('evt', at);
  const endpoint_id = newId('whk', at);
  await orm().batch([
    orm()
      .insert(stack)
      .values({
        ...{ id: stack_id, name: stack_id, home_id: 'host_b', summary: summaryOf('shop') },
        ...{ created_at: at, seen_at: at, gone_at: at + dayMs },
      }),
    ...[1, 2, 3].map((version) =>
      orm()
        .insert(transition)
        .values({
          ...{ migration_id: id, version, nonce: 'n', event: 'e', from_status: 'x', to_status: 'y', at },
        }),
    ),
    ...[1, 2].map((n) =>
      orm()
        .insert(command)
        .values({
          ...{ id: `${id}.${n}`, migration_id: id, host_id: 'host_a', epoch: 1, kind: 'stop_stack', payload: {} },
          ...{ created_at: at, closed_at: at },
        }),
    ),
    orm().insert(migrationEvent).values({ subject_id: id, kind: 'status', at, data: {} }),
    orm()
      .insert(webhookEndpoint)
      .values({
        ...{ id: endpoint_id, url: 'https://hooks.example.com', migration_id: id, secret_name: 'x', created_at: at },
      }),
    orm().insert(webhookEvent).values({ id: event_id, type: 't', subject_id: id, at, payload: '{}' }),
    orm().insert(webhookDelivery).values({ endpoint_id, event_id, status: 'delivered', ended_at: at }),
  ] as never);
  await env.DB.prepare('UPDATE migration SET version = 3 WHERE id = ?').bind(id).run();
  return id;
}

/** What a fleet leaves besides its migrations. */
async function lived(at: number): Promise<void> {
  const id = newId('drain', at);
  const host = newId('host', at);
  const token = { token_id: 'tok_x', key_hash: host, fingerprint: 'f' };
  await orm().batch([
    orm()
      .insert(drain)
      .values({
        id,
        host_id: host,
        status: 'completed',
        version: 2,
        run: {} as never,
        requested_by: 'tok_x',
        ...{ created_at: at, updated_at: at, ended_at: at },
      }),
    orm().insert(drainTransition).values({ drain_id: id, version: 2, nonce: 'n', event: 'e', at }),
    orm().insert(node).values({ id: host, kind: 'host', name: host, created_at: at, deleted_at: at }),
    orm().insert(seenToken).values({ jti: host, expires_at: at }),
  ]);
  await env.DB.prepare(
    'INSERT INTO idempotency (token_id, route, key_hash, fingerprint, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
  )
    .bind(token.token_id, 'POST /x', token.key_hash, token.fingerprint, at, at)
    .run();
  await insertAudit(env.DB, {
    at,
    request_id: 'r',
    actor: { kind: 'token', id: 'tok_x', name: 'x' },
    act: 'POST /x',
    ...{ objects: {}, status: 200, code: null, address: null },
  });
}

const tables = [
  ...['migration', 'transition', 'migration_event', 'command', 'stack', 'node', 'drain', 'drain_transition'],
  ...['webhook_endpoint', 'webhook_event', 'webhook_delivery', 'idempotency', 'seen_token', 'audit'],
];

async function rows(): Promise<Record<string, number>> {
  const counts = await env.DB.batch<{ n: number }>(
    tables.map((name) => env.DB.prepare(`SELECT count(*) AS n FROM "${name}"`)),
  );
  return Object.fromEntries(tables.map((name, index) => [name, counts[index]?.results[0]?.n ?? -1]));
}

const idsOf = async (table: string, column = 'id') =>
  (await env.DB.prepare(`SELECT DISTINCT ${column} AS id FROM "${table}"`).all<{ id: string }>()).results.map(
    ({ id }) => id,
  );

describe('C10 retention', () => {
  it('C10 holds the database flat: a second year leaves no more rows than the first, whatever moves', async () => {
    const stepMs = 28 * dayMs;
    const begun = Math.floor((Date.now() - 30 * stepMs) / hourMs) * hourMs;
    const seen: Record<string, number>[] = [];
    for (let step = 0; step <= 30; step++) {
      const now = begun + step * stepMs;
      for (const status of ['completed', 'rolled_back', 'failed', 'cancelled'] as const) await moved(status, now);
      await lived(now);
      await runSchedules(bindings, now);
      seen.push(await rows());
    }
    const [first, second] = [seen[16]!, seen[30]!];
    expect(second).toEqual(first);
    // The records of a year, the history of ninety days: 14 and 4 steps, and this one.
    expect(second).toMatchObject({ migration: 4 * 14, migration_event: 4 * 4, command: 4 * 4 * 2 });
  }, 120_000);

  it('C10 keeps whatever a saga, a rollback, a purge or forwarding may still need, however old', async () => {
    const old = Date.now() - 3 * 365 * dayMs;
    const kept = { deadline_at: null, window: windowEndingAt(old) };
    const needed = [
      await moved('transferring', old),
      await moved('needs_attention', old),
      await moved('completed', old, kept),
      await moved('rolled_back', old, kept),
      await moved('failed', old, { deadline_at: Date.now() }),
      await moved('failed', old, { deadline_at: null, retry: ['cleanup_target'] }),
      await moved('completed', old, {
        ...settledSaga('completed', old),
        forwarding: { phase: 'forwarding', proxied: false, ended_at: null } as never,
      }),
    ];
    const owing = await moved('cancelled', old);
    await env.DB.prepare('UPDATE command SET closed_at = NULL WHERE id = ?').bind(`${owing}.1`).run();
    const over = await moved('completed', old);
    const before = await rows();
    expect(await trimMigrations(env.DB, Date.now())).toBe(1);
    expect(await forgetMigrations(env.DB, Date.now())).toBe(1);
    expect((await idsOf('migration')).sort()).toEqual([...needed, owing].sort());
    expect(await rows()).toMatchObject({
      transition: before.transition! - 3,
      command: before.command! - 2,
      migration_event: before.migration_event! - 1,
      webhook_endpoint: before.webhook_endpoint! - 1,
    });
    expect(await idsOf('command', 'migration_id')).not.toContain(over);
  });

  it('C10 keeps the record that explains a stopped copy on a host that joined again, and a callback to be called', async () => {
    const old = Date.now() - 3 * 365 * dayMs;
    const [explains, calls] = [await moved('completed', old), await moved('completed', old)];
    await orm()
      .insert(node)
      .values({
        id: 'host_again',
        kind: 'host',
        name: 'again',
        created_at: old,
        leftovers: [{ project: 'shop', migration_id: explains }],
      });
    await env.DB.prepare(
      `UPDATE webhook_delivery SET status = 'pending' WHERE endpoint_id IN (SELECT id FROM webhook_endpoint WHERE migration_id = ?)`,
    )
      .bind(calls)
      .run();
    await forgetMigrations(env.DB, Date.now());
    expect((await idsOf('migration')).sort()).toEqual([explains, calls].sort());
  });

  it('C10 trims the history first: the record stays with its receipt, and the newest transition as its lock', async () => {
    const id = await moved('completed', Date.now() - 100 * dayMs);
    await runSchedules(bindings, Math.floor(Date.now() / hourMs) * hourMs);
    expect(await idsOf('migration')).toEqual([id]);
    const { results } = await env.DB.prepare('SELECT version FROM transition').all();
    expect(results).toEqual([{ version: 3 }]);
    expect(await rows()).toMatchObject({ command: 0, migration_event: 0 });
    expect(String(EventLog({ events: [] }))).toContain('event logs are kept for at most 90 days');
  });

  it('C10 RETENTION_DAYS sets it; 0 keeps all, and what is no number of days is an error that says so', async () => {
    expect([undefined, '', '30', '0'].map(retentionMsOf)).toEqual([365 * dayMs, 365 * dayMs, 30 * dayMs, null]);
    for (const bad of ['soon', '-1', '0.5', '4000', 'Infinity'])
      expect(() => retentionMsOf(bad)).toThrow('RETENTION_DAYS');
    const id = await moved('failed', Date.now() - 40 * dayMs);
    const now = Math.floor(Date.now() / hourMs) * hourMs;
    await runSchedules(bindingsWith({ RETENTION_DAYS: '0' }), now);
    expect(await idsOf('migration')).toEqual([id]);
    await runSchedules(bindingsWith({ RETENTION_DAYS: '30' }), now);
    expect(await idsOf('migration')).toEqual([]);
  });

  it('C10 warns before the database is full', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const now = Math.floor(Date.now() / hourMs) * hourMs;
    await runSchedules(bindings, now);
    expect(warn).not.toHaveBeenCalled();
    const full = new Proxy(env.DB, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (key !== 'prepare') return typeof value === 'function' ? value.bind(target) : value;
        return (sql: string) => {
          const statement = target.prepare(sql);
          if (sql !== 'SELECT 1') return statement;
          const meta = { size_after: limits.retention.databaseBytesMax * 0.9 };
          const run = async () => ({ success: true, results: [], meta });
          return { bind: () => ({ run }), run } as unknown as D1PreparedStatement;
        };
      },
    });
    await runSchedules(bindingsWith({ DB: full }), now);
    expect(warn.mock.calls.map(([line]) => JSON.parse(String(line)))).toMatchObject([
      { msg: 'the database is nearly full', bytes: 9_000_000_000, advice: expect.stringContaining('RETENTION_DAYS') },
    ]);
  });
});
