import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import type { CommandKind } from '../../schema/commands.ts';
import { migrationsOf } from '../../worker/durable-objects.ts';
import { distrustStatement } from '../../worker/saga/migration/distrust.ts';
import { d1MigrationStore } from '../../worker/store/migration-store.ts';
import { goodAnswers } from '../saga/story.ts';
import { bindings } from './support/api.ts';
import { fleet } from './support/fleet.ts';
import { insertMigration, insertStack } from './support/records.ts';

const tables = ['migration', 'transition', 'command', 'stack'];

/** All rows, to be put back as D1's time travel does. */
async function databaseNow(): Promise<() => Promise<void>> {
  const rows = await Promise.all(
    tables.map(async (table) => (await env.DB.prepare(`SELECT * FROM "${table}"`).all()).results),
  );
  return async () => {
    const inserts = tables.flatMap((table, at) =>
      rows[at]!.map((row) => {
        const marks = Object.keys(row).map(() => '?');
        return env.DB.prepare(`INSERT INTO "${table}" VALUES (${marks.join(', ')})`).bind(...Object.values(row));
      }),
    );
    await env.DB.batch([...tables.map((table) => env.DB.prepare(`DELETE FROM "${table}"`)), ...inserts]);
  };
}

/** Hosts that do what they are told, and tell of a stack that was moved. */
async function movedSince(at: CommandKind) {
  const seen: CommandKind[] = [];
  let back: () => Promise<void> = async () => {};
  const there = await fleet(
    () => null,
    () => null,
  );
  const told: Partial<Record<CommandKind, object>> = {
    tell_source: { phase: 'retained' },
    tell_target: { phase: 'armed' },
  };
  for (const agent of [there.agents.a, there.agents.b]) {
    const obey = async (kind: CommandKind, command_id: string) => {
      if (kind === at && !seen.includes(kind)) back = await databaseNow();
      seen.push(kind);
      agent.say({ type: 'result', command_id, outcome: { ok: true, data: told[kind] ?? goodAnswers[kind] } });
    };
    agent.socket.addEventListener('message', ({ data }) => {
      const message = data === 'pong' ? {} : JSON.parse(data as string);
      if (message.type === 'command') void obey(message.kind, message.id);
    });
  }
  const { body } = await there.migrate();
  const completed = () =>
    vi.waitFor(async () => expect(await there.show(body.id)).toMatchObject({ status: 'completed', owed: [] }), {
      timeout: 20_000,
      interval: 50,
    });
  await completed();
  return { ...there, id: body.id as string, seen, completed, back: () => back() };
}

describe('a D1 that was brought back by time travel', () => {
  it('C8: is known by the version that the stack’s object remembers: the hosts are asked, and the end is theirs', async () => {
    const there = await movedSince('verify_health');
    await there.back();
    expect((await there.show(there.id)).status).toBe('verifying');
    await migrationsOf(bindings, there.shop).wake();
    await there.completed();
    expect(there.seen).toEqual(expect.arrayContaining(['tell_source', 'tell_target']));
    expect(there.seen).not.toContain('stop_target');
  }, 60_000);

  it('C8: is known by its records, where the statement of `deploy --restored` was run and no object remembers', async () => {
    const there = await movedSince('deploy');
    await there.back();
    expect((await env.DB.prepare(distrustStatement).run()).meta.changes).toBe(1);
    await runInDurableObject(
      env.STACK_MIGRATION.get(env.STACK_MIGRATION.idFromName(there.shop)),
      async (_, { storage }) => {
        for (const [key] of await storage.list()) if (key !== 'stack_id') await storage.delete(key);
      },
    );
    await migrationsOf(bindings, there.shop).wake();
    await there.completed();
    expect(there.seen).toEqual(expect.arrayContaining(['tell_source', 'tell_target']));
  }, 60_000);
});

it('C8: a restored record is distrusted where it is its stack’s newest, and did not go back', async () => {
  const shop = { stack_name: 'shop', source_host_id: 'host_a', target_host_id: 'host_b' };
  const ids = [];
  for (const [nth, statuses] of [
    ['completed', 'verifying'],
    ['rolled_back'],
    ['completed', 'failed'],
    ['cancelled'],
  ].entries()) {
    const stack_id = await insertStack(`shop-${nth}`, 'host_a');
    for (const [later, status] of statuses.entries())
      ids.push(
        await insertMigration({
          ...shop,
          stack_id,
          status: status as 'completed',
          created_at: Date.now() + later * 1_000,
        }),
      );
  }
  expect((await env.DB.prepare(distrustStatement).run()).meta.changes).toBe(2);
  const store = d1MigrationStore(env.DB);
  const rows = await Promise.all(ids.map((id) => store.load(id)));
  expect(rows.map((row) => [row!.status, row!.saga.distrust])).toEqual([
    ['completed', false],
    ['verifying', true],
    ['rolled_back', true],
    ['completed', false],
    ['failed', false],
    ['cancelled', false],
  ]);
  expect(rows[1]!.saga.deadline_at).toBe(0);
});
