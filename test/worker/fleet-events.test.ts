import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { agentPaths } from '../../schema/enrolment.ts';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { runSchedules } from '../../worker/cron/schedule.ts';
import type { Env } from '../../worker/env.ts';
import { forgetFleetEvents } from '../../worker/store/retention.ts';
import { connect, dial, hello, waiting } from './support/agent.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { recordingDb } from './support/databases.ts';
import { stubOf, twoHosts } from './support/hosts.ts';
import { set } from './support/lying-fleet.ts';
import { createNode, csrFor, type JoinedNode, join, newKeys } from './support/node.ts';
import { insertEvent, insertMigration, insertStack } from './support/records.ts';

beforeEach(() => void vi.spyOn(console, 'info').mockImplementation(() => undefined));
afterEach(() => vi.restoreAllMocks());

interface FeedEvent {
  id: number;
  type: string;
  at: string;
  host_id: string | null;
  data: Record<string, unknown>;
}
async function feed(query = ''): Promise<FeedEvent[]> {
  const { status, body } = await call('GET', `/api/v1/events${query}`, { token: await tokenWith(['read']) });
  expect(status).toBe(200);
  return body.items;
}
const typesOf = async (query: string) => (await feed(query)).map(({ type }) => type);

/** A hello of this version, welcomed. */
async function connectAs(node: JoinedNode, agent_version: string) {
  const agent = await dial(node);
  agent.say({ ...hello(node), agent_version } as ReturnType<typeof hello>);
  await agent.take('welcome');
  return agent;
}

describe('drains in the event feed', () => {
  it('C20: each change of the status of a drain, in one order with the events of migrations, found by its host', async () => {
    const token = await tokenWith(['admin']);
    const [a, b] = [(await createNode(token, 'host', 'a')).id, (await createNode(token, 'host', 'b')).id];
    const ids = { stack_id: await insertStack('shop', b), stack_name: 'shop', source_host_id: b, target_host_id: a };
    const moved = await insertMigration({ ...ids, status: 'completed' });
    await insertEvent(moved, 'status', { to: 'preflight' });
    const drain = (await call('POST', `/api/v1/hosts/${a}/drain`, { token, body: {} })).body.id;
    await vi.waitFor(async () => expect(await typesOf('?type=drain_status')).toHaveLength(2), waiting);
    await insertEvent(moved, 'cleanup_due', { per_minute: 3 });
    const all = await feed();
    expect(all.map(({ type, data }) => [type, data])).toEqual([
      ['status', { to: 'preflight' }],
      ['drain_status', { to: 'running' }],
      ['drain_status', { from: 'running', to: 'completed' }],
      ['cleanup_due', { per_minute: 3 }],
    ]);
    expect(all[1]).toEqual({
      ...{ id: expect.any(Number), type: 'drain_status', at: expect.stringMatching(/Z$/), data: { to: 'running' } },
      ...{ migration_id: null, drain_id: drain, host_id: a, stack: null, source_host_id: null, target_host_id: null },
    });
    expect(await typesOf(`?host=${a}`)).toEqual(['status', 'drain_status', 'drain_status', 'cleanup_due']);
    expect(await typesOf(`?host=${b}`)).toEqual(['status', 'cleanup_due']);
    expect(await typesOf('?stack=shop')).toEqual(['status', 'cleanup_due']);
    const { results } = await env.DB.prepare('SELECT version FROM drain_transition WHERE drain_id = ?')
      .bind(drain)
      .all();
    expect(results.length).toBeGreaterThanOrEqual(2);
  });
});

describe('hosts in the event feed', () => {
  it('C20: that a host joined is told once, though it repeated its request, and that it was deleted; of relays nothing', async () => {
    const token = await tokenWith(['admin']);
    const { id, join_token } = await createNode(token, 'host', 'a');
    const csr = await csrFor(await newKeys());
    for (const _ of [1, 2])
      expect((await call('POST', agentPaths.enroll, { body: { join_token, csr } })).status).toBe(200);
    await join(token, 'relay', 'r');
    for (const status of [204, 404])
      expect((await call('DELETE', `/api/v1/hosts/${id}`, { token })).status).toBe(status);
    const all = await feed();
    expect(all.map(({ type, host_id, data }) => [type, host_id, data])).toEqual([
      ['host_joined', id, { name: 'a' }],
      ['host_deleted', id, { name: 'a' }],
    ]);
  });

  it('C20: a host that something needs is not deleted, and no event says so', async () => {
    const { admin, a, b } = await twoHosts();
    const ids = { stack_id: await insertStack('shop', a.id), stack_name: 'shop' };
    await insertMigration({ ...ids, source_host_id: a.id, target_host_id: b.id });
    expect((await call('DELETE', `/api/v1/hosts/${a.id}`, { token: admin })).body.code).toBe('host_busy');
    expect(await typesOf(`?host=${a.id}`)).toEqual(['host_joined']);
  });

  it('C20: an upgrade is told with both versions; C9 a connection with the same one writes the row and nothing else', async () => {
    const { a } = await twoHosts();
    await connectAs(a, '0.1.0');
    await connectAs(a, '0.2.0');
    expect((await feed('?type=host_upgraded')).map(({ data }) => data)).toEqual([
      { name: 'a', from: '0.1.0', to: '0.2.0' },
    ]);
    const { db, statements } = recordingDb();
    await runInDurableObject(stubOf(a), (object) => {
      const bound = (object as unknown as { env: Env }).env;
      const { DB } = bound;
      bound.DB = db;
      onTestFinished(() => {
        bound.DB = DB;
      });
    });
    await connectAs(a, '0.2.0');
    // The id of the agent's token is the connect route's.
    const writes = statements.filter(
      ({ sql }) => /^\s*(insert|update|delete)/i.test(sql) && !sql.includes('seen_token'),
    );
    expect(writes.map(({ sql }) => sql.slice(0, 13))).toEqual(['update "node"']);
    expect(await typesOf(`?host=${a.id}&type=host_upgraded`)).toHaveLength(1);
  });

  it('C10: a host that says another version each time fills no table', async () => {
    set(limits.control, { versionChangesPerDayMax: 3 });
    const { a } = await twoHosts();
    for (let n = 0; n < 8; n++) await connectAs(a, `0.${n}.0`);
    // The first version was no change.
    expect(await typesOf('?type=host_upgraded')).toHaveLength(2);
  });

  it('C20: a host that stays away is told once, and once when it is back; a moment without it is not', async () => {
    const { a, b } = await twoHosts();
    const [onA] = [await connect(a), await connect(b)];
    onA.socket.close(1000);
    const connected = () => env.DB.prepare('SELECT connected FROM node WHERE id = ?').bind(a.id).first('connected');
    await vi.waitFor(async () => expect(await connected()).toBe(0), waiting);
    const tick = (ms = 0) => runSchedules(bindings, Math.ceil(Date.now() / 300_000) * 300_000 + ms);
    const told = () => feed('?type=host_offline&type=host_online');
    await env.DB.prepare('UPDATE node SET seen_at = seen_at - 290000 WHERE id = ?').bind(a.id).run();
    await runSchedules(bindings, Date.now());
    expect(await told()).toEqual([]);
    await env.DB.prepare('UPDATE node SET seen_at = seen_at - ? WHERE id = ?')
      .bind(limits.control.absentMs, a.id)
      .run();
    const seen = await env.DB.prepare('SELECT seen_at FROM node WHERE id = ?').bind(a.id).first<number>('seen_at');
    await Promise.all([tick(), tick()]);
    await tick();
    const [offline, ...more] = await told();
    expect(more).toEqual([]);
    expect(offline).toMatchObject({ type: 'host_offline', host_id: a.id, data: { name: 'a' } });
    expect(Date.parse(String(offline?.data.seen_at))).toBe(seen);
    await connect(a);
    await tick();
    await tick();
    const [, online, ...rest] = await told();
    expect(rest).toEqual([]);
    expect(online).toMatchObject({ type: 'host_online', data: { name: 'a', absent_since: offline?.data.seen_at } });
  });

  it('C10: events of drains and hosts go after their time, those of migrations with their migration', async () => {
    const id = await insertMigration({
      ...{ stack_id: newId('stack'), stack_name: 'shop', source_host_id: 'host_a', target_host_id: 'host_b' },
    });
    for (const subject of [id, newId('drain'), newId('host')]) await insertEvent(subject, 'notice', {});
    expect(await forgetFleetEvents(env.DB, Date.now() - 1_000)).toBe(0);
    expect(await forgetFleetEvents(env.DB, Date.now() + 1_000)).toBe(2);
    const { results } = await env.DB.prepare('SELECT migration_id FROM migration_event').all();
    expect(results).toEqual([{ migration_id: id }]);
  });
});
