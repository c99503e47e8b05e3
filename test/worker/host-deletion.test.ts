import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { runSchedules } from '../../worker/cron/schedule.ts';
import type { Env } from '../../worker/env.ts';
import { d1MigrationStore } from '../../worker/store/migration-store.ts';
import { failure, goodAnswers } from '../saga/story.ts';
import { connect } from './support/agent.ts';
import { bindings, call } from './support/api.ts';
import { begun, feed, loaded } from './support/course.ts';
import { fleet } from './support/fleet.ts';
import { createNode, join } from './support/node.ts';
import { insertStack, summaryOf } from './support/records.ts';

const patient = { timeout: 15_000, interval: 50 };
const hour = 3_600_000;

/** `shop` moved from a to b, and both hosts have done all that was left to do. */
async function moved() {
  const there = await fleet();
  const { body } = await there.migrate();
  await vi.waitFor(
    async () => expect(await there.show(body.id)).toMatchObject({ status: 'completed', owed: [] }),
    patient,
  );
  const remove = (host: { id: string }) => call('DELETE', `/api/v1/hosts/${host.id}`, { token: there.token });
  return { ...there, id: body.id as string, remove };
}

describe('deleting a host', () => {
  it.each([
    ['has not answered', null, 'awaiting'],
    ['failed at it', { ok: false, error: failure } as const, 'retry'],
  ])('C4: is refused while its stack waits for its restart policies from a host that %s', async (_, outcome, list) => {
    const { token, a, b, migrate, show } = await fleet((kind) =>
      kind === 'arm_target' ? outcome : { ok: true, data: goodAnswers[kind] },
    );
    const { body } = await migrate();
    await vi.waitFor(async () => expect((await show(body.id)).status).toBe('completed'), patient);
    await vi.waitFor(async () => {
      const { saga } = await loaded(d1MigrationStore(env.DB), body.id);
      expect(JSON.stringify(saga[list as 'retry'])).toContain('arm_target');
    }, patient);
    for (const { id } of [b, a]) {
      const refused = await call('DELETE', `/api/v1/hosts/${id}`, { token });
      expect(refused).toMatchObject({ status: 409, body: { code: 'host_busy' } });
      expect(refused.body.detail).toContain(body.id);
    }
    expect((await call('GET', '/api/v1/stacks/shop', { token })).body.host_id).toBe(b.id);
  });

  it('C4: settles the copy it keeps: no purge that waits for ever, no rollback, no reminder', async () => {
    const { token, a, id, show, remove } = await moved();
    expect((await remove(a)).status).toBe(204);
    expect((await show(id)).window.source_purge).toMatchObject({ done_at: expect.any(String), host_deleted: true });
    const purge = await call('DELETE', `/api/v1/stacks/shop/migrate/${id}/source`, { token });
    expect(purge).toMatchObject({ status: 409, body: { code: 'host_deleted' } });
    const rollback = await call('POST', `/api/v1/migrations/${id}/rollback`, { token });
    expect(rollback).toMatchObject({ status: 409, body: { code: 'source_purged' } });
    await env.DB.prepare("UPDATE migration SET saga = json_set(saga, '$.window.ends_at', 1)").run();
    await runSchedules(bindings, Math.ceil(Date.now() / hour) * hour);
    const { items } = (await call('GET', '/api/v1/migrations?cleanup_due=true', { token })).body;
    expect(items).toEqual([]);
    expect((await show(id)).window.reminded_at).toBeNull();
  });

  it('C4: a migration that could not be notified then is notified by the schedule', async () => {
    const { token, a, id, show } = await moved();
    const outOfReach = { idFromName: String, get: () => ({ hostDeleted: () => Promise.reject(new Error('reset')) }) };
    const bound = { ...bindings, STACK_MIGRATION: outOfReach as unknown as Env['STACK_MIGRATION'] };
    expect((await call('DELETE', `/api/v1/hosts/${a.id}`, { token, bound })).status).toBe(204);
    expect((await show(id)).window.source_purge).toBeNull();
    await runSchedules(bindings, Math.ceil(Date.now() / hour) * hour);
    expect((await show(id)).window.source_purge).toMatchObject({ host_deleted: true });
    const owed = await env.DB.prepare('SELECT count(*) AS n FROM node WHERE revocation_owed = 1').first('n');
    expect(owed).toBe(0);
  });

  it('C4: is refused while a drain empties it', async () => {
    const { token, a } = await fleet();
    const drain = await call('POST', `/api/v1/hosts/${a.id}/drain`, { token, body: {} });
    expect(drain.status).toBe(202);
    await env.DB.prepare("UPDATE drain SET status = 'paused'").run();
    await env.DB.prepare(
      "UPDATE migration SET status = 'failed', saga = json_set(saga, '$.awaiting', json('[]'))",
    ).run();
    const refused = await call('DELETE', `/api/v1/hosts/${a.id}`, { token });
    expect(refused).toMatchObject({ status: 409, body: { code: 'host_busy' } });
    expect(refused.body.detail).toContain(drain.body.id);
  });

  it('C4: no migration begins, and no rollback, on a host that is being deleted at that moment', async () => {
    const { a, b, id } = await moved();
    const store = d1MigrationStore(env.DB);
    await env.DB.prepare('UPDATE node SET deleted_at = 1 WHERE id = ?').bind(b.id).run();
    const row = await loaded(store, id);
    await expect(feed(store, id, { type: 'rollback' })).rejects.toThrow('host_deleted');
    expect(await loaded(store, id)).toEqual(row);
    const hosts = { source_host_id: a.id, target_host_id: b.id };
    const started = await begun(store, { ...hosts, stack_id: await insertStack('other', a.id) });
    expect(await store.load(started)).toBeNull();
  });
});

describe('a host that was deleted and joined again', () => {
  it('C4: its stopped copy is no second stack but a warning; once somebody starts it, it is one', async () => {
    const { token, a, b, id, agents, remove } = await moved();
    agents.b.say({ type: 'inventory', stacks: [summaryOf('shop')] });
    await remove(a);
    const again = await join(token, 'host', 'a');
    const agent = await connect(again);
    const leftovers = [{ project: 'shop', migration_id: id }];
    const report = (running: boolean) =>
      agent.say({ type: 'inventory', stacks: [{ ...summaryOf('shop'), running }, summaryOf('other')], leftovers });
    report(false);
    const known = (name: string) => call('GET', `/api/v1/stacks/${name}`, { token });
    await vi.waitFor(async () => expect((await known('other')).status).toBe(200), patient);
    expect((await known('shop')).body.host_id).toBe(b.id);
    const warnings = async () => (await call('GET', `/api/v1/hosts/${again.id}`, { token })).body.warnings;
    await vi.waitFor(async () => expect(await warnings()).toMatchObject([{ code: 'leftover' }]), patient);
    report(true);
    await vi.waitFor(async () => expect((await known('shop')).body.code).toBe('stack_ambiguous'), patient);
    expect(await warnings()).toEqual([]);
  });

  it('C4: a host cannot hide stacks as leftovers of a migration that it has no part in', async () => {
    const { token, id } = await moved();
    const other = await join(token, 'host', 'other');
    const agent = await connect(other);
    const leftovers = [{ project: 'mine', migration_id: id }];
    agent.say({ type: 'inventory', stacks: [{ ...summaryOf('mine'), running: false }], leftovers });
    await vi.waitFor(
      async () => expect((await call('GET', '/api/v1/stacks/mine', { token })).status).toBe(200),
      patient,
    );
  });

  it('C4: a result that it still has to tell of its former life is taken, and changes nothing', async () => {
    const { token, a, id, remove } = await moved();
    await remove(a);
    const agent = await connect(await join(token, 'host', 'a'));
    const command_id = await env.DB.prepare('SELECT id FROM command WHERE migration_id = ? AND host_id = ?')
      .bind(id, a.id)
      .first<string>('id');
    agent.say({ type: 'result', command_id: command_id ?? '', outcome: { ok: true, data: {} } });
    expect(await agent.take('result_ack')).toMatchObject({ command_id });
  });
});

it('C4: a host that nothing needs is deleted at once', async () => {
  const { token } = await fleet();
  const { id } = await createNode(token, 'host', 'spare');
  expect((await call('DELETE', `/api/v1/hosts/${id}`, { token })).status).toBe(204);
});
