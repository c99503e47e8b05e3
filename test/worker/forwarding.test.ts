import { describe, expect, it, vi } from 'vitest';
import { waiting } from './support/agent.ts';
import { call } from './support/api.ts';
import { fleet } from './support/fleet.ts';
import { logIn, request, submit } from './support/ui.ts';

async function forwarding() {
  const there = await fleet();
  const started = await there.migrate({ forward: true, proxy_protocol: [8080] });
  expect(started.status).toBe(202);
  const { id } = started.body;
  await vi.waitFor(async () => expect(await there.show(id)).toMatchObject({ status: 'completed', owed: [] }), waiting);
  const of = `/api/v1/migrations/${id}`;
  const traffic = () => call('GET', `${of}/traffic`, { token: there.token });
  const end = () => call('DELETE', `${of}/forwarding`, { token: there.token });
  return { ...there, id, traffic, end };
}

describe('a migration that forwards', () => {
  it('shows where connections go and who makes them, and ends it on request, once', async () => {
    const { id, told, show, traffic, end } = await forwarding();
    expect(told.a).toEqual(expect.arrayContaining(['hold_connections', 'forward_connections']));
    expect(told.b).toContain('receive_connections');
    expect((await show(id)).forwarding).toMatchObject({
      phase: 'forwarding',
      ports: [{ host_ip: '', port: 8080 }],
      proxy_protocol: [8080],
      ends_at: (await show(id)).window.ends_at,
    });
    expect(await traffic()).toMatchObject({ status: 200, body: { sources: [{ address: '192.0.2.7', total: 40 }] } });
    expect((await end()).status).toBe(202);
    expect((await end()).status, 'again').toBe(202);
    await vi.waitFor(async () => expect((await show(id)).owed).toEqual([]), waiting);
    expect(told.a.filter((kind) => kind === 'end_forwarding')).toHaveLength(1);
    expect((await traffic()).body.code).toBe('not_forwarding');
  });

  it('has a card on its page, with the button that ends it', async () => {
    const { id, token, show } = await forwarding();
    const cookie = await logIn(token);
    const html = await (await request(`/ui/migrations/${id}`, { headers: { cookie } })).text();
    expect(html).toContain('are passed on to the target');
    expect(html).toContain('12 a minute, 40 in all');
    expect(html).toContain('Clients still use the old address: 12 connections a minute. They will be refused.');
    const form = new URLSearchParams({ csrf: /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '', once: 'one' });
    const answer = await submit(`/ui/migrations/${id}/end-forwarding`, form, cookie);
    expect([answer.status, answer.headers.get('location')]).toEqual([
      303,
      `/ui/migrations/${id}?said=forwarding_ended`,
    ]);
    expect((await show(id)).forwarding.phase).toBe('ended');
  });
});

it('is refused where nothing is forwarded', async () => {
  const { migrate, show, token } = await fleet();
  const { id } = (await migrate()).body;
  await vi.waitFor(async () => expect((await show(id)).status).toBe('completed'), waiting);
  expect((await show(id)).forwarding).toBeNull();
  for (const [method, path] of [
    ['GET', 'traffic'],
    ['DELETE', 'forwarding'],
  ] as const)
    expect((await call(method, `/api/v1/migrations/${id}/${path}`, { token })).body.code).toBe('not_forwarding');
});
