import { env } from 'cloudflare:workers';
import { drizzle } from 'drizzle-orm/d1';
import { describe, expect, it } from 'vitest';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { metricsText } from '../../schema/metrics-text.ts';
import { app } from '../../worker/app.ts';
import { countFleet, countQueries } from '../../worker/store/fleet-counts.ts';
import { newToken } from '../../worker/store/token-format.ts';
import { node } from '../../worker/tables/fleet.ts';
import { webhookDelivery, webhookEvent } from '../../worker/tables/webhooks.ts';
import { viewMetrics } from '../../worker/views/metrics-view.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { bindingsWith, countingDb, failingDb, forgetfulDb, overloadedDb } from './support/databases.ts';
import { insertMigration, windowEndingAt } from './support/records.ts';

const dayMs = 24 * 3_600_000;

const metricsOf = async (token: string, bound = bindings) =>
  app.request('http://stackferry.test/metrics', { headers: { authorization: `Bearer ${token}` } }, bound);

describe('health and readiness', () => {
  it('answer without credentials, and say nothing else', async () => {
    expect(await call('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await call('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
  });

  it('name a database that is out of reach, or not yet migrated, without its error', async () => {
    const notReady = { status: 503, body: { status: 'not_ready', waiting_for: ['database'] } };
    for (const db of [failingDb(/fleet/), overloadedDb(/fleet/)])
      expect(await call('GET', '/readyz', { bound: bindingsWith({ DB: db }) })).toMatchObject(notReady);
    expect(await call('GET', '/healthz', { bound: bindingsWith({ DB: failingDb(/./) }) })).toMatchObject({
      status: 200,
    });
  });

  it('ask the database once, however often they are called', async () => {
    const { db, uses } = countingDb();
    const bound = bindingsWith({ DB: db });
    await call('GET', '/readyz', { bound });
    const once = uses();
    expect(once).toBeGreaterThan(0);
    for (let n = 0; n < 20; n++) await call('GET', '/readyz', { bound });
    await call('GET', '/healthz', { bound });
    expect(uses()).toBe(once);
  });
});

describe('metrics', () => {
  it('need a token that may read', async () => {
    expect((await app.request('http://stackferry.test/metrics', {}, bindings)).status).toBe(401);
    expect((await metricsOf(newToken('sfy'))).status).toBe(401);
    const answer = await metricsOf(await tokenWith(['read']));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('version=0.0.4'),
    ]);
  });

  it('count what an operator watches', async () => {
    const now = Date.now();
    const hosts = { stack_name: 'shop', source_host_id: 'host_a', target_host_id: 'host_b' };
    const at = (stack_id: string, more: object) => insertMigration({ ...hosts, stack_id, ...more });
    await at('s1', { status: 'transferring' });
    await at('s2', { status: 'needs_attention' });
    await at('s3', { status: 'completed', saga: { window: windowEndingAt(now + dayMs) } });
    await at('s4', { status: 'completed', created_at: now - 5 * dayMs, saga: { window: windowEndingAt(now - dayMs) } });
    const purged = { requested_at: now, done_at: now, remaining: [], left_out: [] };
    const window = { ...windowEndingAt(now - dayMs), source_purge: purged };
    await at('s5', { status: 'completed', created_at: now - 5 * dayMs, saga: { window } });
    const orm = drizzle(env.DB);
    const add = (name: string, more: object) =>
      orm.insert(node).values({ id: newId('host'), kind: 'host', name, created_at: now, ...more });
    await add('new', {});
    await add('on', { joined_at: 1, connected: true, seen_at: now - dayMs, agent_version: '0.2.0' });
    await add('off', { joined_at: 1, seen_at: now, agent_version: '0.1.0' });
    await add('gone', { joined_at: 1, connected: true, agent_version: '0.1.0', deleted_at: now });
    await add('odd', { joined_at: 1, connected: true, agent_version: 'x"\n} 1' });
    await add('r', { id: newId('relay'), kind: 'relay', joined_at: 1, connected: true });
    const event_id = newId('evt', now - 90_000);
    await orm
      .insert(webhookEvent)
      .values({ id: event_id, type: 't', subject_id: 's', at: now - 90_000, payload: '{}' });
    await orm.insert(webhookDelivery).values({ endpoint_id: 'whk_x', event_id, next_attempt_at: now });

    const text = metricsText(viewMetrics(await countFleet(env.DB, now)));
    for (const line of [
      'stackferry_migrations{status="transferring"} 1',
      'stackferry_migrations{status="needs_attention"} 1',
      'stackferry_migrations{status="reverting"} 0',
      'stackferry_recent_migrations{status="completed"} 1',
      'stackferry_open_windows 1',
      'stackferry_cleanups_due 1',
      'stackferry_hosts{status="online",version="0.2.0"} 1',
      'stackferry_hosts{status="offline",version="0.1.0"} 1',
      'stackferry_hosts{status="online",version="other"} 1',
      'stackferry_hosts{status="pending",version="other"} 1',
      'stackferry_relays{status="online"} 1',
      'stackferry_drains{status="running"} 0',
      'stackferry_webhook_deliveries_pending 1',
      'stackferry_webhook_oldest_pending_seconds 90',
    ])
      expect(text).toContain(`\n${line}\n`);
    expect(text).toMatch(/^stackferry_database_bytes [1-9]\d{4,}$/m);
    expect(text).not.toMatch(/host_|mig_|shop|whk_/);
  });

  it('have as many series however many versions agents claim', () => {
    const nodes = Array.from({ length: 300 }, (_, n) => {
      return { kind: 'host' as const, status: 'online' as const, version: `1.0.${n}`, count: n };
    });
    const none = {
      migrations: [],
      open_windows: 0,
      cleanups_due: 0,
      drains: [],
      pending_deliveries: 0,
      oldest_delivery_ms: 0,
      database_bytes: 0,
    };
    const metric = viewMetrics({ ...none, nodes }).find(({ name }) => name === 'stackferry_hosts');
    expect(metric?.samples.length).toBeLessThanOrEqual(limits.observe.versionsMax + 3);
    expect(metric?.samples.reduce((sum, { value }) => sum + value, 0)).toBe((299 * 300) / 2);
  });

  it('scan no table: every query reads what an index lists', async () => {
    for (const { sql, params } of countQueries(Date.now())) {
      const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...params)
        .all<{ detail: string }>();
      const reads = plan.results.map(({ detail }) => detail).filter((detail) => /^(SCAN|SEARCH) \w/.test(detail));
      const tables = reads.filter((detail) => !/^SCAN \(?subquery/i.test(detail));
      expect(tables.length, sql).toBeGreaterThan(0);
      for (const detail of tables) expect(detail, sql).toMatch(/^SEARCH \w+ USING (COVERING )?INDEX/);
    }
  });

  it('are counted once per period, and an outage is a problem with a code', async () => {
    const token = await tokenWith(['read']);
    const bound = bindingsWith({ DB: forgetfulDb() });
    const answer = await metricsOf(token, bound);
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'control_unavailable' }]);
    const first = await (await metricsOf(token)).text();
    await insertMigration({ stack_id: 's9', stack_name: 'x', source_host_id: 'a', target_host_id: 'b' });
    expect(await (await metricsOf(token)).text()).toBe(first);
  });
});
