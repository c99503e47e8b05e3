import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import type { Scope } from '../../schema/scopes.ts';
import { call, tokenWith } from './support/api.ts';
import { auditOf, bindingsWith, dump } from './support/databases.ts';
import { register } from './support/receiver.ts';

const path = '/api/v1/webhooks';
const url = 'https://hooks.example.com/stackferry';
const create = (token: string, body: object) => call('POST', path, { token, body });

describe('webhook endpoints', () => {
  it('the secret of a new endpoint is shown once, and is nowhere in the database', async () => {
    const token = await tokenWith(['admin']);
    const made = await create(token, { url, events: ['migration.failed', 'drain.failed', 'migration.failed'] });
    expect(made).toMatchObject({
      status: 201,
      body: { url, events: ['migration.failed', 'drain.failed'], status: 'enabled', migration_id: null },
    });
    const { id, secret } = made.body;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(made.headers.get('location')).toBe(`${path}/${id}`);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const shown = await call('GET', `${path}/${id}`, { token });
    const listed = await call('GET', path, { token });
    expect(listed.body.items).toEqual([shown.body]);
    for (const text of [shown.body, listed.body, await auditOf(token), await dump()].map((part) =>
      JSON.stringify(part),
    ))
      expect(text).not.toContain(secret.slice(6, 40));
  });

  it.each<Scope>(['read', 'migrate'])(
    'B3 a token with the scope "%s" sees endpoints and changes none',
    async (scope) => {
      const { id } = await register(await tokenWith(['admin']), url);
      const token = await tokenWith([scope]);
      expect((await call('GET', path, { token })).body.items).toHaveLength(1);
      expect((await call('GET', `${path}/${id}/deliveries`, { token })).status).toBe(200);
      for (const refused of [
        await create(token, { url }),
        await call('PATCH', `${path}/${id}`, { token, body: { disabled: true } }),
        await call('POST', `${path}/${id}/rotate`, { token, body: {} }),
        await call('POST', `${path}/${id}/test`, { token }),
        await call('POST', `${path}/${id}/replay`, { token }),
        await call('DELETE', `${path}/${id}`, { token }),
      ])
        expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    },
  );

  it.each([
    ['B19', 'http://hooks.example.com/'],
    ['B20', 'https://0x7f.1/'],
    ['B20', 'https://[::ffff:169.254.169.254]/latest/meta-data'],
    ['B20', 'https://localhost:8443/'],
    ['B22', 'https://user:pass@hooks.example.com/'],
  ])('%s no endpoint can be registered at, or moved to, %s', async (_, bad) => {
    const token = await tokenWith(['admin']);
    expect(await create(token, { url: bad })).toMatchObject({ status: 422, body: { code: 'url_refused' } });
    const { id } = await register(token, url);
    const moved = await call('PATCH', `${path}/${id}`, { token, body: { url: bad } });
    expect(moved).toMatchObject({ status: 422, body: { code: 'url_refused', errors: [{ path: 'url' }] } });
    expect((await call('GET', `${path}/${id}`, { token })).body.url).toBe(url);
  });

  it('B19 in development an endpoint may be on this machine', async () => {
    const token = await tokenWith(['admin']);
    const bound = bindingsWith({ DEVELOPMENT: 'true' });
    expect((await call('POST', path, { token, body: { url: 'http://127.0.0.1:9000/' }, bound })).status).toBe(201);
  });

  it('B8 an unknown event is refused, as is an empty list', async () => {
    const token = await tokenWith(['admin']);
    for (const events of [['migration.exploded'], [], 'all'])
      expect(await create(token, { url, events })).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
  });

  it('B15 an endpoint or a delivery that is not there is 404, whatever is asked of it', async () => {
    const token = await tokenWith(['admin']);
    const { id } = await register(token, url);
    const none = 'whk_00000000000000000000000000';
    for (const [method, at, body] of [
      ['GET', none],
      ['PATCH', none, {}],
      ['POST', `${none}/rotate`, {}],
      ['POST', `${none}/test`],
      ['POST', `${none}/replay`],
      ['GET', `${none}/deliveries`],
      ['GET', `${id}/deliveries/evt_00000000000000000000000000`],
      ['POST', `${id}/deliveries/evt_00000000000000000000000000/replay`],
    ] as const)
      expect((await call(method, `${path}/${at}`, { token, body })).status, `${method} ${at}`).toBe(404);
  });

  it('an endpoint is changed, disabled, enabled again and deleted', async () => {
    const token = await tokenWith(['admin']);
    const { id } = await register(token, url);
    const change = async (body: object) => (await call('PATCH', `${path}/${id}`, { token, body })).body;
    expect(await change({ url: `${url}/2`, events: ['drain.completed'] })).toMatchObject({
      url: `${url}/2`,
      events: ['drain.completed'],
    });
    expect(await change({ events: null })).toMatchObject({ url: `${url}/2`, events: null });
    expect(await change({ disabled: true })).toMatchObject({ status: 'disabled', disabled_why: 'request' });
    const refused = await call('POST', `${path}/${id}/test`, { token });
    expect(refused).toMatchObject({ status: 409, body: { code: 'webhook_disabled' } });
    expect(await change({ disabled: false })).toMatchObject({ status: 'enabled', disabled_why: null });
    expect((await call('DELETE', `${path}/${id}`, { token })).status).toBe(204);
    expect((await call('DELETE', `${path}/${id}`, { token })).status).toBe(404);
    expect((await call('GET', path, { token })).body.items).toEqual([]);
  });

  it('there are only so many endpoints, and pages list them all', async () => {
    const token = await tokenWith(['admin']);
    const { endpointsMax } = limits.webhook;
    const ids: string[] = [];
    for (let n = 0; n < endpointsMax; n++) ids.push((await register(token, `${url}/${n}`)).id);
    expect(await create(token, { url })).toMatchObject({ status: 409, body: { code: 'webhook_limit' } });
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await call('GET', `${path}?limit=20${cursor}`, { token });
      seen.push(...body.items.map((item: { id: string }) => item.id));
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(seen).toEqual(ids.toSorted());
    expect(seen).toHaveLength(endpointsMax);
  });
});
