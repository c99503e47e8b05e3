import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../schema/agent-protocol.ts';
import { goodAnswers } from '../saga/story.ts';
import { waiting } from './support/agent.ts';
import { call } from './support/api.ts';
import { fleet } from './support/fleet.ts';
import { summaryOf } from './support/records.ts';

describe('a migration through the control plane', () => {
  it('starts with 202, goes through every step, and the stack has a new home', async () => {
    const { token, a, b, agents, told, shop, migrate, show } = await fleet();
    const started = await migrate();
    expect(started.status).toBe(202);
    expect(started.headers.get('location')).toBe(`/api/v1/migrations/${started.body.id}`);
    expect(started.body).toMatchObject({
      stack: { id: shop, name: 'shop' },
      source_host_id: a.id,
      target_host_id: b.id,
    });
    await vi.waitFor(async () => {
      const view = await show(started.body.id);
      expect(view).toMatchObject({ status: 'completed', owed: [], failure: null, report: { passed: true } });
      expect(view.steps.every(({ status }: { status: string }) => status === 'done')).toBe(true);
    }, waiting);
    expect(told.a).toEqual(['prepare_source', 'stop_stack', 'send_volumes', 'send_project', 'retain_source']);
    expect(told.b).toEqual([
      'prepare_target',
      'receive_volumes',
      'receive_project',
      'deploy',
      'verify_health',
      'arm_target',
    ]);
    // Both hosts report the project from now on; it stays one stack, at its new home.
    agents.a.say({ type: 'inventory', stacks: [summaryOf('shop'), summaryOf('mark')] });
    agents.b.say({ type: 'inventory', stacks: [summaryOf('shop')] });
    await vi.waitFor(async () => {
      const { body } = await call('GET', '/api/v1/stacks', { token });
      const homes = body.items.map((stack: { name: string; host_id: string }) => [stack.name, stack.host_id]);
      expect(homes).toEqual([
        ['mark', a.id],
        ['shop', b.id],
      ]);
    }, waiting);
    expect((await call('GET', '/api/v1/stacks/shop', { token })).body.id).toBe(shop);
  });

  it('B13: of two starts at the same moment one is 202, the other 409 and names it', async () => {
    const { migrate } = await fleet();
    const answers = await Promise.all([migrate(), migrate()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    const [started, refused] = answers[0].status === 202 ? answers : answers.toReversed();
    expect(refused!.body).toMatchObject({ code: 'migration_running', migration_id: started!.body.id });
  });

  it('what the target cannot do sends the stack back home, with the reason', async () => {
    const why: Outcome = {
      ok: false,
      error: { code: 'unhealthy', message: '"web" is unhealthy.', log_tail: ['boom'] },
    };
    const { a, told, token, migrate, show } = await fleet((kind) =>
      kind === 'verify_health' ? why : { ok: true, data: goodAnswers[kind] },
    );
    const { body } = await migrate();
    await vi.waitFor(async () => {
      const view = await show(body.id);
      expect(view).toMatchObject({
        status: 'failed',
        owed: [],
        failure: { step: 'verifying', code: 'unhealthy', log_tail: ['boom'] },
      });
    }, waiting);
    expect(told.a.at(-1)).toBe('restore_source');
    expect(told.b.slice(-2)).toEqual(['stop_target', 'cleanup_target']);
    expect((await call('GET', '/api/v1/stacks/shop', { token })).body.host_id).toBe(a.id);
  });

  it('shows the progress that the target reports, and cancels', async () => {
    const { agents, told, token, migrate, show } = await fleet((kind) =>
      kind === 'receive_volumes' ? null : { ok: true, data: goodAnswers[kind] },
    );
    const { body } = await migrate();
    await vi.waitFor(() => expect(told.b).toContain('receive_volumes'), waiting);
    const command = await vi.waitFor(() => {
      const found = agents.b.got.find((message) => message.type === 'command' && message.kind === 'receive_volumes');
      if (found?.type !== 'command') throw new Error('not yet');
      return found;
    }, waiting);
    const items = [{ lane: 'v0', bytes_done: 4, bytes_total: 10 }];
    agents.b.say({ type: 'progress', migration_id: body.id, command_id: command.id, items });
    await vi.waitFor(async () => {
      const { progress } = await show(body.id);
      expect(progress).toMatchObject({ current: 'shop_data', bytes_done: 4 });
      expect(progress.items[0]).toEqual({ item: 'shop_data', bytes_done: 4, bytes_total: 10 });
    }, waiting);
    const cancelled = await call('POST', `/api/v1/migrations/${body.id}/cancel`, { token, body: {} });
    expect(cancelled.status).toBe(202);
    await vi.waitFor(async () => expect(await show(body.id)).toMatchObject({ status: 'cancelled', owed: [] }), waiting);
    expect(told.a.at(-1)).toBe('restore_source');
  });

  it('a lease is renewed through the connection for the target alone, and only once it deploys', async () => {
    const { agents, told, migrate } = await fleet((kind) =>
      kind === 'verify_health' ? null : { ok: true, data: goodAnswers[kind] },
    );
    const { body } = await migrate();
    await vi.waitFor(() => expect(told.b).toContain('verify_health'), waiting);
    const ask = async (agent: typeof agents.a) => {
      agent.say({ type: 'ask', ask_id: 'l', kind: 'lease', payload: { migration_id: body.id, epoch: 1 } });
      return (await agent.take('reply')).outcome;
    };
    expect(await ask(agents.b)).toMatchObject({ ok: true, data: { granted: true } });
    expect(await ask(agents.a)).toMatchObject({ ok: true, data: { granted: false } });
  });
});
