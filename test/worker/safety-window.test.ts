import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../schema/agent-protocol.ts';
import type { CommandKind } from '../../schema/commands.ts';
import type { Saga } from '../../schema/saga.ts';
import worker from '../../worker/index.ts';
import { goodAnswers, plan } from '../saga/story.ts';
import { waiting } from './support/agent.ts';
import { bindings, call } from './support/api.ts';
import { fleet } from './support/fleet.ts';
import { insertMigration, insertStack, summaryOf, windowEndingAt } from './support/records.ts';

const hour = 3_600_000;
const good = (kind: CommandKind): Outcome => ({ ok: true, data: goodAnswers[kind] });
const bad: Outcome = { ok: false, error: { code: 'unhealthy', message: '"web" is unhealthy.', log_tail: [] } };

type Fleet = Awaited<ReturnType<typeof fleet>>;

async function until(fleet: Fleet, id: string, state: Record<string, unknown>) {
  await vi.waitFor(async () => expect(await fleet.show(id)).toMatchObject(state), waiting);
}

/** A fleet whose stack `shop` has moved from a to b. */
async function moved(...args: Parameters<typeof fleet>) {
  const there = await fleet(...args);
  const { body } = await there.migrate();
  await until(there, body.id, { status: 'completed', owed: [] });
  const act = (what: string, more = {}) =>
    call('POST', `/api/v1/migrations/${body.id}/${what}`, { token: there.token, body: {}, ...more });
  const remove = (side: string) =>
    call('DELETE', `/api/v1/stacks/shop/migrate/${body.id}/${side}`, { token: there.token });
  const homeOf = async () => (await call('GET', '/api/v1/stacks/shop', { token: there.token })).body.host_id;
  return { ...there, id: body.id as string, act, remove, homeOf };
}

/** What a completed migration's record looks like, `ms` before its window ends. */
function completedSaga(ms: number): Partial<Saga> {
  return { plan, window: windowEndingAt(Date.now() + ms) };
}

async function tick(at: number) {
  const context = createExecutionContext();
  await worker.scheduled(
    createScheduledController({ scheduledTime: new Date(at), cron: '*/5 * * * *' }),
    bindings,
    context,
  );
  await waitOnExecutionContext(context);
}
const nextHour = () => Math.ceil(Date.now() / hour) * hour;

describe('a rollback', () => {
  it('brings the stack home: the target is stopped, the source proves healthy, what the target holds stays', async () => {
    const there = await moved();
    const answer = await there.act('rollback');
    expect(answer).toMatchObject({ status: 202, body: { rollback: { hours_left_behind: 0, failure: null } } });
    await until(there, there.id, { status: 'rolled_back', owed: [] });
    expect(there.told.a.slice(-4)).toEqual(['check_retained', 'revive_source', 'verify_source', 'arm_source']);
    expect(there.told.b.slice(-2)).toEqual(['arm_target', 'halt_target']);
    expect(await there.homeOf()).toBe(there.a.id);
    expect(await there.remove('source')).toMatchObject({ status: 409, body: { code: 'migration_not_completed' } });
    expect(await there.act('rollback')).toMatchObject({ status: 409, body: { code: 'migration_not_completed' } });
    expect((await there.remove('target')).status).toBe(204);
    expect((await there.remove('target')).status).toBe(204);
    expect(there.told.b.filter((kind) => kind === 'purge_target').length).toBe(1);
  });

  it('that finds the source unhealthy puts the target back, and says why', async () => {
    const there = await moved(undefined, (kind) => (kind === 'verify_source' ? bad : good(kind)));
    await there.act('rollback');
    await until(there, there.id, {
      status: 'completed',
      owed: [],
      rollback: { failure: { phase: 'proving', code: 'unhealthy' } },
    });
    expect(there.told.a.slice(-3)).toEqual(['verify_source', 'stop_source', 'retain_source']);
    expect(there.told.b.at(-1)).toBe('resume_target');
    expect(await there.homeOf()).toBe(there.b.id);
  });

  it('is refused where the target cannot be reached, since it may still run the stack', async () => {
    const there = await moved();
    there.agents.b.socket.close(1000);
    await vi.waitFor(async () => {
      expect(await there.act('rollback')).toMatchObject({ status: 409, body: { code: 'target_unreachable' } });
    }, waiting);
    expect(there.told.a).not.toContain('check_retained');
  });

  it('B16 is refused after the window, and after a purge', async () => {
    const late = await moved(undefined, undefined, { ...bindings, SAFETY_WINDOW_HOURS: '0' });
    expect(await late.act('rollback')).toMatchObject({ status: 409, body: { code: 'window_closed' } });
    expect((await late.remove('source')).status).toBe(204);
    expect(await late.act('rollback')).toMatchObject({ status: 409, body: { code: 'source_purged' } });
  });

  it('of an older migration is refused once the stack has moved on', async () => {
    const there = await moved();
    const older = await insertMigration({
      stack_id: there.shop,
      stack_name: 'shop',
      source_host_id: there.b.id,
      target_host_id: there.a.id,
      status: 'completed',
      created_at: Date.now() - hour,
      saga: completedSaga(hour),
    });
    const path = `/api/v1/migrations/${older}/rollback`;
    const answer = await call('POST', path, { token: there.token, body: {} });
    expect(answer).toMatchObject({ status: 409, body: { code: 'migration_superseded' } });
    const purge = await call('DELETE', `/api/v1/stacks/shop/migrate/${older}/source`, { token: there.token });
    expect(purge).toMatchObject({ status: 409, body: { code: 'migration_superseded' } });
  });
});

describe('a purge', () => {
  it('names what could not be deleted, and can be repeated', async () => {
    let remaining = [{ what: '/srv/shop', why: 'it is no longer what was moved' }];
    const there = await moved(undefined, (kind) =>
      kind === 'purge_source' ? { ok: true, data: { removed: [], remaining } } : good(kind),
    );
    expect(await there.remove('source')).toMatchObject({ status: 409, body: { code: 'purge_incomplete', remaining } });
    remaining = [];
    expect((await there.remove('source')).status).toBe(204);
    expect(await there.show(there.id)).toMatchObject({ window: { open: false, source_purge: { remaining: [] } } });
  });

  it('B16 is refused before completion', async () => {
    const there = await fleet((kind) => (kind === 'verify_health' ? null : good(kind)));
    const { body } = await there.migrate();
    const path = `/api/v1/stacks/shop/migrate/${body.id}/source`;
    const early = await call('DELETE', path, { token: there.token });
    expect(early).toMatchObject({ status: 409, body: { code: 'migration_not_completed' } });
  });

  it('is refused where its host does not answer', async () => {
    const done = await moved();
    done.agents.a.socket.close(1000);
    await vi.waitFor(async () => {
      expect(await done.remove('source')).toMatchObject({ status: 409, body: { code: 'host_offline' } });
    }, waiting);
  });

  it('F36 racing a rollback in the window’s last second, a hundred times: one wins, the other is refused', async () => {
    const there = await fleet();
    const rounds = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const name = `race-${n}`;
        const stack_id = await insertStack(name, there.b.id);
        const hosts = { source_host_id: there.a.id, target_host_id: there.b.id };
        const saga = completedSaga(30_000);
        return { name, id: await insertMigration({ stack_id, stack_name: name, ...hosts, status: 'completed', saga }) };
      }),
    );
    const winners: string[] = [];
    for (const { name, id } of rounds) {
      for (const agent of Object.values(there.agents)) agent.socket.send('ping');
      const purge = () => call('DELETE', `/api/v1/stacks/${name}/migrate/${id}/source`, { token: there.token });
      const rollback = () => call('POST', `/api/v1/migrations/${id}/rollback`, { token: there.token, body: {} });
      const inOrder = Math.random() < 0.5 ? [purge, rollback] : [rollback, purge];
      const answers = await Promise.all(inOrder.map((ask) => ask()));
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toContain(409);
      const won = statuses.find((status) => status !== 409);
      expect([202, 204]).toContain(won);
      await until(there, id, { status: won === 204 ? 'completed' : 'rolled_back' });
      winners.push(won === 204 ? 'purge' : 'rollback');
    }
    expect(new Set(winners)).toEqual(new Set(['purge', 'rollback']));
  }, 180_000);
});

describe('when the window has passed', () => {
  it('the scheduled cleaner reminds once, and the migration is listed as due until its source is deleted', async () => {
    const there = await moved(undefined, undefined, { ...bindings, SAFETY_WINDOW_HOURS: '0' });
    const due = async () =>
      (await call('GET', '/api/v1/migrations?cleanup_due=true', { token: there.token })).body.items.length;
    for (let hours = 0; hours < 3; hours++) await tick(nextHour() + hours * hour);
    const { results } = await bindings.DB.prepare(
      `SELECT count(*) AS n FROM migration_event WHERE migration_id = ? AND kind = 'cleanup_due'`,
    )
      .bind(there.id)
      .all();
    expect(results).toEqual([{ n: 1 }]);
    expect(await due()).toBe(1);
    expect((await there.show(there.id)).window.reminded_at).not.toBeNull();
    expect((await there.remove('source')).status).toBe(204);
    expect(await due()).toBe(0);
  });

  it('the reminder says who still comes to the old address, as its source counted', async () => {
    const there = await fleet(undefined, undefined, { ...bindings, SAFETY_WINDOW_HOURS: '0' });
    const { id } = (await there.migrate({ forward: true })).body;
    await until(there, id, { status: 'completed', owed: [] });
    await tick(nextHour());
    const { results } = await bindings.DB.prepare(
      `SELECT data FROM migration_event WHERE migration_id = ? AND kind = 'cleanup_due'`,
    )
      .bind(id)
      .all<{ data: string }>();
    expect(results.map(({ data }) => JSON.parse(data))).toMatchObject([
      { message: expect.stringMatching(/no longer need it\. 12 connections came to the old address/), per_minute: 12 },
    ]);
    await until(there, id, { forwarding: { phase: 'ended' } });
  });

  it('nothing is reminded of while it is open', async () => {
    const there = await moved();
    await tick(nextHour());
    expect((await there.show(there.id)).window).toMatchObject({ open: true, reminded_at: null });
  });
});

describe('what waits for a person', () => {
  it('says what is where and what to do; a retry after it was mended ends it', async () => {
    let mended = false;
    const there = await fleet((kind) => {
      if (kind === 'verify_health') return bad;
      return kind === 'stop_target' && !mended ? bad : good(kind);
    });
    const { body } = await there.migrate();
    await vi.waitFor(async () => expect((await there.show(body.id)).status).toBe('needs_attention'), {
      timeout: 40_000,
      interval: 100,
    });
    const stuck = await there.show(body.id);
    expect(stuck.attention).toMatchObject({ why: '"web" is unhealthy.', source: expect.stringContaining('stopped') });
    mended = true;
    const retry = (token: string) => call('POST', `/api/v1/migrations/${body.id}/retry`, { token, body: {} });
    expect((await retry(there.token)).status).toBe(202);
    await until(there, body.id, { status: 'failed', owed: [], attention: null });
    expect(await retry(there.token)).toMatchObject({ status: 409, body: { code: 'nothing_to_retry' } });
  }, 60_000);
});

describe('C3 a wait that nothing else will end', () => {
  /** In `needs_attention`, since the source answers that it cannot start its stack again. */
  async function stuck() {
    let healthy = false;
    const there = await fleet(
      (kind) => (kind === 'verify_health' && !healthy ? bad : good(kind)),
      (kind) => (kind === 'restore_source' ? bad : good(kind)),
    );
    const mended = () => {
      healthy = true;
    };
    const { body } = await there.migrate();
    await vi.waitFor(async () => expect((await there.show(body.id)).status).toBe('needs_attention'), {
      timeout: 40_000,
      interval: 100,
    });
    const act = (what: string, json: object) =>
      call('POST', `/api/v1/migrations/${body.id}/${what}`, { token: there.token, body: json });
    return { ...there, id: body.id as string, act, mended };
  }

  it('C3: lists its ways out; a cancel and a host that is not lost are 409; to give up frees the stack', async () => {
    const there = await stuck();
    const { attention } = await there.show(there.id);
    expect(attention.resolutions).toMatchObject([{ resolution: 'source_lost' }, { resolution: 'give_up' }]);
    expect(await there.act('cancel', {})).toMatchObject({ status: 409, body: { code: 'nothing_to_cancel' } });
    const resolve = (resolution: string) => there.act('resolve', { resolution });
    expect(await resolve('both_lost')).toMatchObject({ status: 422 });
    expect(await resolve('target_lost')).toMatchObject({ status: 409, body: { code: 'nothing_to_resolve' } });
    await vi.waitFor(async () => {
      there.agents.a.socket.send('ping');
      expect((await call('GET', `/api/v1/hosts/${there.a.id}`, { token: there.token })).body.status).toBe('online');
    }, waiting);
    expect(await resolve('source_lost')).toMatchObject({ status: 409, body: { code: 'host_not_lost' } });
    expect(await resolve('give_up')).toMatchObject({ status: 202, body: { status: 'failed', owed: [] } });
    expect((await there.show(there.id)).failure).toMatchObject({ code: 'given_up' });
    const { results } = await bindings.DB.prepare("SELECT act, status FROM audit WHERE act LIKE '%resolve'").all();
    expect(results).toContainEqual({ act: 'POST /api/v1/migrations/{id}/resolve', status: 202 });
  }, 60_000);

  it('C3: with its source gone the stack is started and verified on the target', async () => {
    const there = await stuck();
    there.mended();
    there.agents.a.socket.close();
    await vi.waitFor(
      async () => expect((await there.act('resolve', { resolution: 'source_lost' })).status).toBe(202),
      waiting,
    );
    await until(there, there.id, { status: 'completed', attention: null });
  }, 60_000);
});

describe('F45 the kept copy', () => {
  it('that someone started is noticed by its host’s report: an event, and it shows', async () => {
    const there = await moved();
    await bindings.DB.prepare('UPDATE migration SET ended_at = ended_at - 3600000').run();
    there.agents.a.say({ type: 'inventory', stacks: [{ ...summaryOf('shop'), running: true }] });
    await until(there, there.id, { window: { copy_running: true } });
    there.agents.a.say({ type: 'inventory', stacks: [{ ...summaryOf('shop'), running: false }] });
    await until(there, there.id, { window: { copy_running: false } });
    expect(await there.homeOf()).toBe(there.b.id);
  });
});
