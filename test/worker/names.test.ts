import { expect, it, vi } from 'vitest';
import { waiting } from './support/agent.ts';
import { call } from './support/api.ts';
import { fleet } from './support/fleet.ts';
import { logIn, request } from './support/ui.ts';

const cutover_dns = ['example.com/shop.example.com'];

it('names that a migration pointed are in its record, its events and on its page', async () => {
  const there = await fleet();
  const started = await there.migrate({ cutover_dns });
  expect(started.status).toBe(202);
  const { id } = started.body;
  await vi.waitFor(async () => expect(await there.show(id)).toMatchObject({ status: 'completed', owed: [] }), waiting);
  expect(there.told.b).toContain('point_names');
  expect(there.told.a).not.toContain('point_names');
  const [name] = (await there.show(id)).names;
  expect(name).toMatchObject({ zone: 'example.com', name: 'shop.example.com' });
  const says = 'shop.example.com (A) leads to 192.0.2.20 now, no longer to 192.0.2.10';
  expect(name.records).toMatchObject([{ type: 'A', from: '192.0.2.10', to: '192.0.2.20', says }]);
  const cookie = await logIn(there.token);
  const html = await (await request(`/ui/migrations/${id}`, { headers: { cookie } })).text();
  expect(html.split(says), 'on its card, and in the event log').toHaveLength(3);

  const back = await call('POST', `/api/v1/migrations/${id}/rollback`, { token: there.token });
  expect(back.status).toBe(202);
  await vi.waitFor(
    async () => expect(await there.show(id)).toMatchObject({ status: 'rolled_back', owed: [] }),
    waiting,
  );
  expect((await there.show(id)).names[0].records).toMatchObject([{ from: '192.0.2.20', to: '192.0.2.10' }]);
}, 60_000);

it('a migration without names has none, and a name outside its zone is refused', async () => {
  const { migrate, show } = await fleet();
  const refused = await migrate({ cutover_dns: ['example.com/shop.example.org'] });
  expect(refused).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
  const { id } = (await migrate()).body;
  await vi.waitFor(async () => expect((await show(id)).status).toBe('completed'), waiting);
  expect((await show(id)).names).toEqual([]);
}, 60_000);
