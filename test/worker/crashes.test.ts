import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../schema/agent-protocol.ts';
import type { CommandKind } from '../../schema/commands.ts';
import { advance } from '../../worker/saga/migration/advance.ts';
import { d1MigrationStore } from '../../worker/store/migration-store.ts';
import { goodAnswers, plan } from '../saga/story.ts';
import { waiting } from './support/agent.ts';
import { bindings, call } from './support/api.ts';
import { fleet } from './support/fleet.ts';
import { insertMigration, insertStack } from './support/records.ts';

const good = (kind: CommandKind): Outcome => ({ ok: true, data: goodAnswers[kind] });
const objectOf = (stack: string) => env.STACK_MIGRATION.get(env.STACK_MIGRATION.idFromName(stack));

/** A fleet whose hosts answer a command only once `hold` has been gone through with it. */
async function heldFleet(hold: (kind: CommandKind, stack: string) => Promise<void>) {
  const seen: CommandKind[] = [];
  const there = await fleet(
    () => null,
    () => null,
  );
  for (const agent of [there.agents.a, there.agents.b])
    agent.socket.addEventListener('message', ({ data }) => {
      const message = data === 'pong' ? {} : JSON.parse(data as string);
      if (message.type !== 'command' || seen.includes(message.kind)) return;
      seen.push(message.kind);
      void hold(message.kind, there.shop).then(() =>
        agent.say({ type: 'result', command_id: message.id, outcome: good(message.kind) }),
      );
    });
  return { ...there, seen };
}

describe('the control plane in the middle of a migration', () => {
  it('F2 the stack’s object is evicted before every answer: state is loaded again, and the migration goes on', async () => {
    let evicted = 0;
    const there = await heldFleet(async (_, stack) => {
      await evictDurableObject(objectOf(stack));
      evicted += 1;
    });
    const { body } = await there.migrate();
    await vi.waitFor(async () => expect(await there.show(body.id)).toMatchObject({ status: 'completed', owed: [] }), {
      timeout: 30_000,
      interval: 50,
    });
    expect(evicted).toBe(there.seen.length);
  }, 40_000);

  it('F3 its alarm runs twice before every answer: no command is issued twice', async () => {
    const there = await heldFleet(async (_, stack) => {
      await runDurableObjectAlarm(objectOf(stack));
      await runDurableObjectAlarm(objectOf(stack));
    });
    const { body } = await there.migrate();
    await vi.waitFor(async () => expect(await there.show(body.id)).toMatchObject({ status: 'completed', owed: [] }), {
      timeout: 30_000,
      interval: 50,
    });
    const { results } = await env.DB.prepare(
      'SELECT kind, count(*) AS n FROM command WHERE migration_id = ? GROUP BY kind HAVING n > 1',
    )
      .bind(body.id)
      .all();
    expect(results).toEqual([]);
  }, 40_000);

  it.each<CommandKind>([
    'prepare_target',
    'stop_stack',
    'receive_volumes',
    'receive_project',
    'deploy',
    'verify_health',
  ])('F41 a cancel while "%s" is under way ends cancelled, with nothing owed', async (at) => {
    const there = await fleet(
      (kind) => (kind === at ? null : good(kind)),
      (kind) => (kind === at ? null : good(kind)),
    );
    const { body } = await there.migrate();
    await vi.waitFor(() => expect([...there.told.a, ...there.told.b]).toContain(at), waiting);
    expect((await call('POST', `/api/v1/migrations/${body.id}/cancel`, { token: there.token, body: {} })).status).toBe(
      202,
    );
    await vi.waitFor(async () => {
      expect(await there.show(body.id)).toMatchObject({
        status: 'cancelled',
        owed: [],
        failure: { code: 'cancelled' },
      });
    }, waiting);
    expect(there.told.a.includes('restore_source')).toBe(at !== 'prepare_target');
    expect(there.told.b.at(-1)).toBe('cleanup_target');
  });
});

describe('a database that is older than its object', () => {
  /** What the hosts' own records say of a migration that is completed. */
  const records: Partial<{ [K in CommandKind]: unknown }> = {
    tell_source: { phase: 'retained' },
    tell_target: { phase: 'armed' },
  };
  const asRecorded = (kind: CommandKind): Outcome => ({ ok: true, data: records[kind] ?? goodAnswers[kind] });

  it('C8 is noticed at the next wake: the hosts are asked what is so, and nothing is undone', async () => {
    const there = await fleet(
      (kind) => asRecorded(kind),
      (kind) => asRecorded(kind),
    );
    const { body } = await there.migrate();
    const completed = () =>
      vi.waitFor(
        async () => expect(await there.show(body.id)).toMatchObject({ status: 'completed', owed: [] }),
        waiting,
      );
    await completed();
    // As D1's time travel leaves it: the migration is being verified, and its last transitions never were.
    const { version, saga } = (await d1MigrationStore(env.DB).load(body.id))!;
    const older = { ...saga, status: 'verifying', window: null, arming: null, deadline_at: Date.now() + 60_000 };
    await env.DB.batch([
      env.DB.prepare('DELETE FROM transition WHERE migration_id = ? AND version > ?').bind(body.id, version - 3),
      env.DB.prepare(
        "UPDATE migration SET status = 'verifying', ended_at = NULL, version = ?, saga = ? WHERE id = ?",
      ).bind(version - 3, JSON.stringify(older), body.id),
    ]);
    expect(await there.show(body.id)).toMatchObject({ status: 'verifying' });

    await bindings.STACK_MIGRATION.get(bindings.STACK_MIGRATION.idFromName(there.shop)).wake();
    await completed();
    expect([...there.told.a, ...there.told.b]).toEqual(expect.arrayContaining(['tell_source', 'tell_target']));
    for (const undone of ['stop_target', 'restore_source', 'cleanup_target'])
      expect([...there.told.a, ...there.told.b]).not.toContain(undone);
  });
});

describe('one transition is one batch', () => {
  async function transferring() {
    const stack_id = await insertStack('shop', 'host_a');
    const hosts = { source_host_id: 'host_a', target_host_id: 'host_b' };
    const id = await insertMigration({
      stack_id,
      stack_name: 'shop',
      ...hosts,
      saga: { plan, steps: { stopping: { started_at: 0, ended_at: 0 } } },
    });
    const store = d1MigrationStore(env.DB);
    const row = (await store.load(id))!;
    return { id, store, row, next: advance(row.saga, { type: 'cancel' }, Date.now())! };
  }
  const rowsOf = async (table: string, id: string) =>
    (await env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE migration_id = ?`).bind(id).first<{ n: number }>())
      ?.n;

  it('F6 a write whose answer was lost is found to be the writer’s own, and nothing is written twice', async () => {
    const { id, row, next } = await transferring();
    const store = d1MigrationStore(losingAnswers(env.DB));
    expect(await store.commit(row, next, 'cancel', Date.now(), null)).toBe('committed');
    expect(await rowsOf('transition', id)).toBe(1);
    expect(await rowsOf('command', id)).toBe(next.commands.length);
    expect((await store.load(id))?.status).toBe('reverting');
  });

  it('C1: what holds only for a time is not written after it, and is written before', async () => {
    const { id, store, row, next } = await transferring();
    const late = { ...next, commit_by: Date.now() - 1_000 };
    expect(await store.commit(row, late, 'cancel', Date.now(), null)).toBe('late');
    for (const table of ['transition', 'command', 'migration_event']) expect(await rowsOf(table, id)).toBe(0);
    expect((await store.load(id))?.status).toBe('transferring');
    const early = { ...next, commit_by: Date.now() + 30_000 };
    expect(await store.commit(row, early, 'cancel', Date.now(), null)).toBe('committed');
  });

  it('a writer that worked from an older version writes nothing', async () => {
    const { id, store, row, next } = await transferring();
    expect(await store.commit(row, next, 'cancel', Date.now(), null)).toBe('committed');
    expect(await store.commit(row, next, 'cancel', Date.now(), null)).toBe('stale');
    expect(await rowsOf('transition', id)).toBe(1);
    expect(await rowsOf('migration_event', id)).toBe(next.events.length);
  });

  it('F7 while the database is down nothing is answered as done, and no command is sent that was not recorded', async () => {
    const { id, row, next } = await transferring();
    const down = new Proxy(env.DB, {
      get: (db, key) => {
        if (key === 'batch') return () => Promise.reject(new Error('D1 is down'));
        const value = Reflect.get(db, key);
        return typeof value === 'function' ? value.bind(db) : value;
      },
    });
    await expect(d1MigrationStore(down).commit(row, next, 'cancel', Date.now(), null)).rejects.toThrow('D1 is down');
    expect(await rowsOf('command', id)).toBe(0);
    expect((await d1MigrationStore(bindings.DB).load(id))?.status).toBe('transferring');
  });
});

/** The database executes each batch; the answer is lost. */
function losingAnswers(db: D1Database): D1Database {
  return new Proxy(db, {
    get: (target, key) => {
      if (key === 'batch')
        return async (statements: D1PreparedStatement[]) => {
          await target.batch(statements);
          throw new Error('the answer was lost');
        };
      const value = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
