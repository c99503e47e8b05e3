import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { runSchedules } from '../../worker/cron/schedule.ts';
import { attach } from '../../worker/objects/host-connection/control-socket.ts';
import { lookHere, seenLately } from '../../worker/objects/host-drain/collect-facts.ts';
import { markPresence } from '../../worker/store/nodes.ts';
import { connect, taken, waiting } from './support/agent.ts';
import { bindings, call } from './support/api.ts';
import { connection, stubOf, twoHosts } from './support/hosts.ts';
import { insertStack } from './support/records.ts';

const rowOf = async ({ id }: { id: string }) =>
  (await env.DB.prepare('SELECT connected, seen_at, resources FROM node WHERE id = ?').bind(id).first<{
    connected: number;
    seen_at: number;
    resources: string | null;
  }>())!;

const resources = (cores: number) => ({
  memory: { total_bytes: 2, used_bytes: 1, free_bytes: 1 },
  disk: { path: '/', total_bytes: 2, used_bytes: 1, free_bytes: 1 },
  cpu: { cores, load_1m: 0 },
});

/** Its last ping was so long ago. */
const silentFor = (node: { id: string }, ms: number) =>
  runInDurableObject(stubOf(node), (_, state) => {
    for (const socket of state.getWebSockets()) attach(socket, { connected_at: Date.now() - ms });
  });

describe('C9 what the database says of a connection', () => {
  it('C9 is written when it begins and when it ends, with the resources last said', async () => {
    const { a } = await twoHosts();
    const agent = await connect(a);
    expect((await rowOf(a)).connected).toBe(1);
    agent.say({ type: 'metrics', resources: resources(1) });
    await vi.waitFor(async () => expect((await rowOf(a)).resources).toContain('"cores":1'), waiting);
    agent.say({ type: 'metrics', resources: resources(2) });
    await taken(agent);
    agent.socket.close(1000);
    await vi.waitFor(async () => expect((await rowOf(a)).connected).toBe(0), waiting);
    const row = await rowOf(a);
    expect(row.resources).toContain('"cores":2');
    expect(Date.now() - row.seen_at).toBeLessThan(5_000);
  });

  it('C9 does not stay "connected" after a deploy cut the connection without a word', async () => {
    const { admin, a } = await twoHosts();
    await connect(a);
    await abortAllDurableObjects();
    expect((await rowOf(a)).connected).toBe(1);
    expect(await runDurableObjectAlarm(stubOf(a))).toBe(true);
    expect((await rowOf(a)).connected).toBe(0);
    // Nothing is left to be checked.
    expect(await runDurableObjectAlarm(stubOf(a))).toBe(false);
    const { body } = await call('GET', `/api/v1/hosts/${a.id}`, { token: admin });
    expect(body).toMatchObject({ status: 'offline', seen_at: new Date((await rowOf(a)).seen_at).toISOString() });
  });

  it('C9 is corrected by whoever asks, at the latest by the hourly check if the alarm was lost (F4)', async () => {
    const { admin, a, b } = await twoHosts();
    for (const host of [a, b]) await connect(host);
    for (const host of [a, b])
      await runInDurableObject(stubOf(host), (_, { storage }) =>
        storage.delete('presence').then(() => storage.deleteAlarm()),
      );
    await abortAllDurableObjects();
    const onB = await connect(b);
    await call('GET', `/api/v1/hosts/${a.id}`, { token: admin });
    expect((await rowOf(a)).connected).toBe(1);
    vi.spyOn(console, 'info').mockImplementation(() => undefined);
    await runSchedules(bindings, Math.ceil(Date.now() / 3_600_000) * 3_600_000);
    expect([(await rowOf(a)).connected, (await rowOf(b)).connected]).toEqual([0, 1]);
    expect((await rowOf(a)).seen_at).toBeGreaterThan(0);
    onB.socket.close(1000);
  });

  it('C9 is corrected although the object was reset before it noted the newest connection', async () => {
    const { a } = await twoHosts();
    const agent = await connect(a);
    agent.socket.close(1000);
    await vi.waitFor(async () => expect((await rowOf(a)).connected).toBe(0), waiting);
    const { seen_at } = await rowOf(a);
    // Within the time in which a late write is taken for an older one.
    await markPresence(env.DB, a.id, { connected: true, seen_at: seen_at + 1000 });
    vi.spyOn(console, 'info').mockImplementation(() => undefined);
    await runSchedules(bindings, Math.ceil(Date.now() / 3_600_000) * 3_600_000);
    expect((await rowOf(a)).connected).toBe(0);
  });

  it('F18: a host that lost power counts as gone since its last ping, and as back once it is heard again', async () => {
    const { admin, a } = await twoHosts();
    const agent = await connect(a);
    await silentFor(a, limits.control.hostSilenceMsMax + 5_000);
    await runDurableObjectAlarm(stubOf(a));
    expect((await rowOf(a)).connected).toBe(0);
    agent.socket.send('ping');
    await vi.waitFor(async () => expect(await connection(a).online()).toBe(true), waiting);
    await runDurableObjectAlarm(stubOf(a));
    expect((await rowOf(a)).connected).toBe(1);
    expect((await call('GET', `/api/v1/hosts/${a.id}`, { token: admin })).body.status).toBe('online');
  });

  it('C9 a drain still waits for a host that a deploy cut off, days after it had connected', async () => {
    const { a } = await twoHosts();
    await connect(a);
    const longAgo = { node: a.id, connected: true, seen_at: 1 };
    await runInDurableObject(stubOf(a), (_, { storage }) => storage.put('presence', longAgo));
    await env.DB.prepare('UPDATE node SET seen_at = 1').run();
    await abortAllDurableObjects();
    const { row, source } = await lookHere(bindings, a.id);
    expect([source.ok, seenLately(row)]).toEqual([false, true]);
  });

  it('C6 an older write that arrives late does not undo a newer one', async () => {
    const { a } = await twoHosts();
    const now = Date.now();
    await markPresence(env.DB, a.id, { connected: true, seen_at: now });
    await markPresence(env.DB, a.id, { connected: false, seen_at: now - 20_000 });
    expect(await rowOf(a)).toMatchObject({ connected: 1, seen_at: now });
    await markPresence(env.DB, a.id, { connected: false, seen_at: now + 1 });
    expect(await rowOf(a)).toMatchObject({ connected: 0, seen_at: now + 1 });
  });

  it('C9 a stack was last reported when its host was last heard', async () => {
    const { admin, a } = await twoHosts();
    await insertStack('shop', a.id);
    const seenAt = async (path: string) => {
      const { body } = await call('GET', path, { token: admin });
      return Date.parse((body.items?.[0] ?? body).seen_at);
    };
    await env.DB.prepare('UPDATE stack SET seen_at = 1000').run();
    await env.DB.prepare('UPDATE node SET seen_at = 2000').run();
    for (const path of ['/api/v1/stacks', '/api/v1/stacks/shop']) expect(await seenAt(path)).toBe(2000);
    await connect(a);
    for (const path of ['/api/v1/stacks', '/api/v1/stacks/shop'])
      expect(Date.now() - (await seenAt(path))).toBeLessThan(5_000);
  });
});
