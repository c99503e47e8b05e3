import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../schema/agent-protocol.ts';
import type { SeenContainer } from '../../schema/commands/parts.ts';
import type { CommandKind } from '../../schema/commands.ts';
import { limits } from '../../schema/limits.ts';
import { goodAnswers, roundOf } from '../saga/story.ts';
import { waiting } from './support/agent.ts';
import { call } from './support/api.ts';
import { fleet } from './support/fleet.ts';
import { logIn, request, submit } from './support/ui.ts';

const web = (id: string): SeenContainer => ({ id, service: 'web', state: 'running' });

/** One side's answers; its rounds pass in lanes of their own. */
function side(now: () => SeenContainer[]): (kind: CommandKind) => Outcome {
  let round = 0;
  return (kind) => {
    const data = goodAnswers[kind] as object;
    if (kind === 'prepare_source') return { ok: true, data: { ...data, containers: [web('c1')] } };
    if (kind !== 'pass_source' && kind !== 'pass_target') return { ok: true, data };
    round += 1;
    return { ok: true, data: { ...data, passages: roundOf(round), containers: now() } };
  };
}

async function holding(over: { containers?: SeenContainer[] } = {}) {
  const now = () => over.containers ?? [web('c1')];
  const there = await fleet(side(now), side(now));
  const started = await there.migrate({ mode: 'pre-copy', hold: true });
  expect(started.status).toBe(202);
  const { id } = started.body;
  await vi.waitFor(async () => {
    const { status, hold } = await there.show(id);
    expect([status, hold?.last_pass !== null]).toEqual(['holding', true]);
  }, waiting);
  const cutover = (body: object = {}) => call('POST', `/api/v1/migrations/${id}/cutover`, { token: there.token, body });
  return { ...there, id, cutover };
}

describe('a migration that holds', () => {
  it('shows what a cutover would cost, stops nothing, and completes once it is cut over', async () => {
    const { id, told, show, cutover } = await holding();
    const view = await show(id);
    expect(view.hold).toMatchObject({
      cut_over_at: null,
      cutting_over: false,
      last_pass: { bytes: 20, seconds: 1.4 },
      changes: [],
    });
    expect(view.steps.find(({ name }: { name: string }) => name === 'holding')).toMatchObject({ status: 'running' });
    expect(told.a).not.toContain('stop_stack');
    expect((await cutover()).status).toBe(202);
    expect((await cutover()).status).toBe(202);
    await vi.waitFor(async () => expect(await show(id)).toMatchObject({ status: 'completed', owed: [] }), waiting);
    expect(told.a.filter((kind) => kind === 'stop_stack')).toHaveLength(1);
  });

  it('is cut over at a time, which must be to come and have its zone', async () => {
    const { id, show, cutover } = await holding();
    const past = await cutover({ at: '2020-01-01T00:00:00+01:00' });
    expect([past.status, past.body.code]).toEqual([422, 'invalid_request']);
    expect(past.body.detail).toMatch(/^at: 2019-12-31T23:00:00.000Z has passed/);
    expect((await cutover({ at: '2099-01-01T00:00:00' })).status).toBe(422);
    expect((await cutover({ at: '2999-01-01T00:00:00Z' })).body.detail).toMatch(/more than a year ahead/);
    const at = new Date(Date.now() + 3_600_000).toISOString();
    expect((await cutover({ at })).body.hold.cut_over_at).toBe(at);
    expect((await show(id)).status).toBe('holding');
    const soon = new Date(Date.now() + 1_000).toISOString();
    expect((await cutover({ at: soon })).status).toBe(202);
    await vi.waitFor(async () => expect((await show(id)).status).toBe('completed'), waiting);
  });

  it('is not cut over when its stack has changed', async () => {
    const { id, show, cutover, told } = await holding({ containers: [web('c2')] });
    expect((await show(id)).hold.changes).toEqual([
      'service web has other containers: it was deployed again or scaled',
    ]);
    const refused = await cutover();
    expect([refused.status, refused.body.code]).toEqual([409, 'stack_changed']);
    expect(told.a).not.toContain('stop_stack');
  });

  it('is cancelled without a stop', async () => {
    const { id, token, show, cutover, told } = await holding();
    expect((await call('POST', `/api/v1/migrations/${id}/cancel`, { token, body: {} })).status).toBe(202);
    await vi.waitFor(async () => expect(await show(id)).toMatchObject({ status: 'cancelled', owed: [] }), waiting);
    expect(told.a).not.toContain('stop_stack');
    expect((await cutover()).body.code).toBe('not_holding');
  });
});

describe('the page of a migration that holds', () => {
  it('shows the estimate and the button, which cuts it over', async () => {
    const { id, token, show } = await holding();
    const cookie = await logIn(token);
    const html = await (await request(`/ui/migrations/${id}`, { headers: { cookie } })).text();
    expect(html).toContain('downtime if you cut over now: about 1.4 s');
    expect(html).toContain('Cut over now');
    const form = new URLSearchParams({ csrf: /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '', once: 'one' });
    const answer = await submit(`/ui/migrations/${id}/cutover`, form, cookie);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `/ui/migrations/${id}?said=cutting_over`]);
    await vi.waitFor(async () => expect((await show(id)).status).toBe('completed'), waiting);
  });

  it('names what has changed instead', async () => {
    const { id, token } = await holding({ containers: [web('c2')] });
    const cookie = await logIn(token);
    const html = await (await request(`/ui/migrations/${id}`, { headers: { cookie } })).text();
    expect(html).toContain('service web has other containers');
    expect(html).not.toContain('Cut over now');
  });
});

describe('a drain that holds', () => {
  it('is cut over together, and completes', async () => {
    const now = () => [web('c1')];
    const { token, a, show } = await fleet(side(now), side(now));
    const options = { mode: 'pre-copy', hold: true, stacks: ['shop'] };
    const drain = await call('POST', `/api/v1/hosts/${a.id}/drain`, { token, body: options });
    expect(drain.status).toBe(202);
    const of = `/api/v1/drains/${drain.body.id}`;
    const migration = async () => (await call('GET', of, { token })).body.stacks[0].migration_id;
    await vi.waitFor(async () => expect((await show(await migration())).status).toBe('holding'), waiting);
    const said = await call('POST', `${of}/cutover`, { token, body: {} });
    expect([said.status, said.body]).toEqual([202, { cut_over: [await migration()], refused: [] }]);
    await vi.waitFor(async () => expect((await call('GET', of, { token })).body.status).toBe('completed'), waiting);
    expect((await call('POST', `${of}/cutover`, { token, body: {} })).body.code).toBe('not_holding');
  });

  it('is not there where there is none', async () => {
    const { token } = await fleet();
    const unknown = '/api/v1/drains/drn_00000000000000000000000000/cutover';
    expect((await call('POST', unknown, { token, body: {} })).status).toBe(404);
  });
});

describe('what cannot hold', () => {
  it('a stop-copy: the pre-flight says so, and how', async () => {
    const { migrate } = await fleet();
    const { status, body } = await migrate({ hold: true });
    expect([status, body.code]).toEqual([422, 'preflight_failed']);
    const check = body.report.checks.find(({ name }: { name: string }) => name === 'engine_compatible');
    expect(check).toMatchObject({ status: 'fail', lifted_by: [{ mode: 'pre-copy' }] });
  });

  it('a time without a hold, or one that has passed', async () => {
    const { migrate } = await fleet();
    const ahead = new Date(Date.now() + limits.hold.passMsMax).toISOString();
    const plain = await migrate({ mode: 'pre-copy', cut_over_at: ahead });
    expect([plain.status, plain.body.detail]).toEqual([422, expect.stringMatching(/add "hold": true/)]);
    const past = await migrate({ mode: 'pre-copy', hold: true, cut_over_at: '2020-01-01T00:00:00Z' });
    expect(past.body.detail).toMatch(/^cut_over_at: 2020/);
  });

  it('a migration without a hold is not cut over', async () => {
    const { token, migrate } = await fleet((kind) =>
      kind === 'deploy' ? null : { ok: true, data: goodAnswers[kind] },
    );
    const { body } = await migrate();
    const refused = await call('POST', `/api/v1/migrations/${body.id}/cutover`, { token, body: {} });
    expect([refused.status, refused.body.code]).toEqual([409, 'not_holding']);
  });
});
