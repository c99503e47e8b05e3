import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { controlProtocol } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { sagaVersion } from '../../schema/saga.ts';
import { closeCodes } from '../../worker/objects/host-connection/control-socket.ts';
import { d1MigrationStore } from '../../worker/store/migration-store.ts';
import { connectedRelays } from '../../worker/store/relays.ts';
import { connect, dial, type FakeAgent, hello } from './support/agent.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { loaded } from './support/course.ts';
import { connection, stubOf, twoHosts, underWay } from './support/hosts.ts';
import { join } from './support/node.ts';
import { insertMigration, insertStack, summaryOf } from './support/records.ts';

const patient = { timeout: 15_000, interval: 50 };
const raw = (agent: FakeAgent, message: object) => agent.socket.send(JSON.stringify(message));

describe('an agent of another release', () => {
  it('C7: of the one before, which names one version, is welcomed', async () => {
    const { a } = await twoHosts();
    const agent = await dial(a);
    const { versions: _, ...before } = hello(a) as { versions?: unknown };
    raw(agent, { ...before, version: 1 });
    expect(await agent.take('welcome')).toMatchObject({ version: 1 });
  });

  it('C7: of the one after is spoken to in the newest version that both know', async () => {
    const { a } = await twoHosts();
    const agent = await dial(a);
    raw(agent, { ...hello(a), versions: { min: controlProtocol.max, max: controlProtocol.max + 1 }, news: 'ignored' });
    expect(await agent.take('welcome')).toMatchObject({ version: controlProtocol.max });
  });

  it.each([
    ['too new', { min: controlProtocol.max + 1, max: controlProtocol.max + 2 }, 'docs/upgrade.md'],
    ['too old', { min: 0, max: 0 }, 'stackferry agent'],
  ])('C7: that is %s is turned away with what helps', async (_, versions, help) => {
    const { a } = await twoHosts();
    const agent = await dial(a);
    raw(agent, { ...hello(a), versions });
    const { code, reason } = await agent.end();
    expect(code).toBe(closeCodes.version);
    expect(reason).toContain(help);
  });

  it('C7: may answer with an error code and messages that are unknown here: it stays connected', async () => {
    const { a, b } = await twoHosts();
    const { command } = await underWay(a, b);
    const agent = await connect(a);
    raw(agent, { type: 'forecast', rain: true });
    raw(agent, { type: 'metrics', resources: { memory: 'plenty' } });
    const error = { code: 'gpu_on_fire', message: 'x'.repeat(5_000), log_tail: Array(80).fill('line') };
    raw(agent, { type: 'result', command_id: command, outcome: { ok: false, error } });
    expect(await agent.take('result_ack')).toMatchObject({ command_id: command });
    raw(agent, { type: 'result', command_id: 'mig_1.1', outcome: 'fine' });
    expect(await agent.take('result_ack')).toMatchObject({ command_id: 'mig_1.1' });
    const probed = connection(a).request('probe', { relays: [] }, 5_000);
    const { id } = await agent.take('request');
    raw(agent, { type: 'answer', request_id: id, outcome: { ok: false, error } });
    // As it was said, as far as it fits here, with the code that it named.
    const code = ' (code "gpu_on_fire", unknown here)';
    const message = 'x'.repeat(2_000 - code.length) + code;
    expect(await probed).toMatchObject({ ok: false, error: { code: 'command_failed', message } });
    expect(agent.closed).toBeNull();
  });
});

it('C7: a migration that an earlier release stored is brought up to date as it is read', async () => {
  const hosts = { source_host_id: 'host_a', target_host_id: 'host_b' };
  const id = await insertMigration({ stack_id: await insertStack('shop', 'host_a'), stack_name: 'shop', ...hosts });
  await env.DB.prepare("UPDATE migration SET saga = json_remove(saga, '$.v', '$.late_proofs')").run();
  const store = d1MigrationStore(env.DB);
  expect((await loaded(store, id)).saga).toMatchObject({ v: sagaVersion, late_proofs: 0 });
  await env.DB.prepare("UPDATE migration SET saga = json_set(saga, '$.v', ?)")
    .bind(sagaVersion + 1)
    .run();
  await expect(store.load(id)).rejects.toThrow('newer release');
});

describe('an inventory in pieces', () => {
  it('C21: of 500 stacks, more than one message holds, is listed whole', async () => {
    const { admin, a } = await twoHosts();
    const agent = await connect(a);
    const stacks = Array.from({ length: limits.control.stacksPerHostMax }, (_, n) => ({
      ...summaryOf(`app-${n}`),
      volumes: Array.from({ length: 40 }, (_, v) => `app-${n}_a-volume-with-a-long-name-${v}`.padEnd(64, 'x')),
    }));
    expect(JSON.stringify(stacks).length).toBeGreaterThan(limits.control.messageBytesMax);
    const piece = (index: number) => ({ id: 'one', index, count: 2 });
    // Of a first try only a part arrives: it is not taken for all that there is.
    agent.say({ type: 'inventory', stacks: stacks.slice(0, 1), piece: { id: 'lost', index: 0, count: 2 } });
    agent.say({ type: 'inventory', stacks: stacks.slice(250), piece: piece(1) });
    expect((await call('GET', '/api/v1/stacks', { token: admin })).body.items).toEqual([]);
    agent.say({ type: 'inventory', stacks: stacks.slice(0, 250), piece: piece(0) });
    await vi.waitFor(async () => {
      const count = await env.DB.prepare('SELECT count(*) AS n FROM stack WHERE gone_at IS NULL').first('n');
      expect(count).toBe(stacks.length);
    }, patient);
    expect(agent.closed).toBeNull();
  });
});

describe('whether a relay is connected', () => {
  it('C6: is true after it came again while its former connection was still closing, however slow the database', async () => {
    const token = await tokenWith(['admin']);
    const relay = await join(token, 'relay', 'r');
    for (const wait of [0, 10, 30, 60, 100]) {
      const first = await connect(relay);
      await runInDurableObject(stubOf(relay), (object) => {
        (object as unknown as { env: object }).env = { ...bindings, DB: slowDb(25) };
      });
      const second = await dial(relay);
      second.say(hello(relay));
      await new Promise((resolve) => setTimeout(resolve, wait));
      first.socket.close(1000);
      await second.take('welcome');
      await first.end();
      const shown = async () => (await call('GET', `/api/v1/relays/${relay.id}`, { token })).body.status;
      await vi.waitFor(async () => expect(await shown()).toBe('online'), patient);
      expect(await connectedRelays(bindings)).toHaveLength(1);
      second.socket.close(1000);
      await vi.waitFor(async () => expect(await shown()).toBe('offline'), patient);
      expect(await connectedRelays(bindings)).toEqual([]);
    }
  });
});

/** Each statement takes so long, as in a database that is far away. */
function slowDb(ms: number): D1Database {
  const slow = (statement: D1PreparedStatement): D1PreparedStatement =>
    new Proxy(statement, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (key === 'bind') return (...values: unknown[]) => slow(target.bind(...values));
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          await new Promise((resolve) => setTimeout(resolve, ms));
          return value.apply(target, args);
        };
      },
    });
  return new Proxy(env.DB, {
    get(target, key) {
      if (key === 'prepare') return (sql: string) => slow(target.prepare(sql));
      const value = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
