import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { StackSummary } from '../../schema/facts.ts';
import { limits } from '../../schema/limits.ts';
import type { Env } from '../../worker/env.ts';
import { attach } from '../../worker/objects/host-connection/control-socket.ts';
import { connect, type FakeAgent, taken, waiting } from './support/agent.ts';
import { call } from './support/api.ts';
import { dump, recordingDb } from './support/databases.ts';
import { stubOf, twoHosts } from './support/hosts.ts';
import { type JoinedNode, join } from './support/node.ts';
import { insertMigration, insertStack, summaryOf } from './support/records.ts';

afterEach(() => void vi.useRealTimers());

const tickMs = 10_000;
const gib = 2 ** 30;
const resources = (used: number) => ({
  memory: { total_bytes: 8 * gib, used_bytes: used, free_bytes: 8 * gib - used },
  disk: { path: '/var/lib/docker', total_bytes: 100 * gib, used_bytes: used, free_bytes: 100 * gib - used },
  cpu: { cores: 4, load_1m: 0.5 },
});

/** The statements of the node's object until the end of the test. */
async function watch(node: JoinedNode) {
  const { db, statements } = recordingDb();
  await runInDurableObject(stubOf(node), (object) => {
    const bound = (object as unknown as { env: Env }).env;
    const { DB } = bound;
    bound.DB = db;
    onTestFinished(() => {
      bound.DB = DB;
    });
  });
  return statements;
}

/** The platform keeps the time of a ping by its own clock, which a test can't set. */
const pinged = (node: JoinedNode) =>
  runInDurableObject(stubOf(node), (_, state) => {
    for (const socket of state.getWebSockets()) attach(socket, { connected_at: Date.now() });
  });

const report = (agent: FakeAgent, stacks: StackSummary[]) => agent.say({ type: 'inventory', stacks, leftovers: [] });
const hostsOf = async (token: string, name: string) => {
  const { body } = await call('GET', '/api/v1/stacks', { token });
  const named = body.items.filter((stack: { name: string }) => stack.name === name);
  return named.map((stack: { host_name: string }) => stack.host_name).sort();
};

describe('C9 an idle host', () => {
  it('C9 and an idle relay write nothing to the database in ten minutes, and ask it nothing', async () => {
    const { admin, a } = await twoHosts();
    const relay = await join(admin, 'relay', 'r');
    const [onHost, onRelay] = [await connect(a), await connect(relay)];
    const stacks = ['shop', 'blog'].map(summaryOf);
    report(onHost, stacks);
    for (const agent of [onHost, onRelay]) agent.say({ type: 'metrics', resources: resources(gib) });
    await taken(onHost);
    await vi.waitFor(async () => expect(await hostsOf(admin, 'shop')).toEqual(['a']), waiting);
    const reported = () => env.DB.prepare('SELECT count(*) AS n FROM node WHERE resources IS NOT NULL').first('n');
    await vi.waitFor(async () => expect(await reported()).toBe(2), waiting);
    const before = await dump();

    const [byHost, byRelay] = [await watch(a), await watch(relay)];
    const begun = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: begun });
    for (let at = tickMs; at <= 600_000; at += tickMs) {
      vi.setSystemTime(begun + at);
      await Promise.all([a, relay].map(pinged));
      // As an agent of the previous release does: both, every ten seconds.
      report(onHost, stacks);
      for (const agent of [onHost, onRelay]) agent.say({ type: 'metrics', resources: resources(gib + at) });
      await taken(onHost);
      if (at % limits.control.presenceCheckMs === 0)
        for (const node of [a, relay]) expect(await runDurableObjectAlarm(stubOf(node))).toBe(true);
    }
    await runInDurableObject(stubOf(relay), () => undefined);
    expect([byHost, byRelay]).toEqual([[], []]);
    expect(await dump()).toBe(before);

    const { body: host } = await call('GET', `/api/v1/hosts/${a.id}`, { token: admin });
    expect(host).toMatchObject({ status: 'online', resources: resources(gib + 600_000) });
    expect(Date.parse(host.seen_at)).toBeGreaterThanOrEqual(begun + 600_000);
    const { body: stack } = await call('GET', '/api/v1/stacks/shop', { token: admin });
    expect(Date.parse(stack.seen_at)).toBeGreaterThanOrEqual(begun + 600_000);

    // The watch works: what has changed is written.
    report(onHost, [summaryOf('shop')]);
    await taken(onHost);
    expect(byHost.some(({ sql }) => /^update "stack"/i.test(sql))).toBe(true);
  }, 60_000);

  it('C9 whose object hibernates in between is known again without the database', async () => {
    const { a } = await twoHosts();
    const agent = await connect(a);
    report(agent, [summaryOf('shop')]);
    await taken(agent);
    await evictDurableObject(stubOf(a));
    const statements = await watch(a);
    report(agent, [summaryOf('shop')]);
    await taken(agent);
    expect(statements).toEqual([]);
  });

  it('C9 is compared with the database again after a while, in case that was restored', async () => {
    const { admin, a } = await twoHosts();
    const agent = await connect(a);
    report(agent, [summaryOf('shop')]);
    await taken(agent);
    await env.DB.prepare('DELETE FROM stack').run();
    report(agent, [summaryOf('shop')]);
    await taken(agent);
    expect(await hostsOf(admin, 'shop')).toEqual([]);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + limits.control.inventoryReviewMs });
    report(agent, [summaryOf('shop')]);
    await taken(agent);
    expect(await hostsOf(admin, 'shop')).toEqual(['a']);
  });

  it('C9 while a migration is at work on it, an unchanged inventory means something else once that has ended', async () => {
    const { admin, a, b } = await twoHosts();
    const onB = await connect(b);
    const stack_id = await insertStack('shop', a.id);
    const moved = { stack_id, stack_name: 'shop', source_host_id: a.id, target_host_id: b.id };
    const id = await insertMigration({ ...moved, status: 'deploying' });
    report(onB, [summaryOf('shop')]);
    await taken(onB);
    expect(await hostsOf(admin, 'shop')).toEqual(['a']);
    await env.DB.prepare(`UPDATE migration SET status = 'failed', ended_at = 1 WHERE id = ?`).bind(id).run();
    report(onB, [summaryOf('shop')]);
    await taken(onB);
    expect(await hostsOf(admin, 'shop')).toEqual(['a', 'b']);
  });

  it('C9 whose inventory could not be written sends the same once more, and it is written', async () => {
    const { admin, a } = await twoHosts();
    const agent = await connect(a);
    await runInDurableObject(stubOf(a), (object) => {
      const bound = (object as unknown as { env: Env }).env;
      const { DB } = bound;
      bound.DB = new Proxy(DB, {
        get(target, key) {
          bound.DB = DB;
          if (key === 'prepare') throw new Error('D1_ERROR: out of reach');
          return Reflect.get(target, key);
        },
      });
    });
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    report(agent, [summaryOf('shop')]);
    await taken(agent);
    expect(await hostsOf(admin, 'shop')).toEqual([]);
    report(agent, [summaryOf('shop')]);
    await taken(agent);
    expect(await hostsOf(admin, 'shop')).toEqual(['a']);
  });
});
