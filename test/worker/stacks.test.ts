import { describe, expect, it } from 'vitest';
import { call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertMigration, insertStack } from './support/records.ts';

async function fleet() {
  const token = await tokenWith(['admin']);
  const hosts = { a: '', b: '', c: '' };
  for (const name of ['a', 'b', 'c'] as const) hosts[name] = (await createNode(token, 'host', name)).id;
  return { token, ...hosts, shop: await insertStack('shop', hosts.a) };
}
const migrate = (token: string, name: string, body: unknown) =>
  call('POST', `/api/v1/stacks/${name}/migrate`, { token, body });

describe('stacks', () => {
  it('are listed by name in pages', async () => {
    const { token, a } = await fleet();
    await insertStack('blog', a);
    const first = await call('GET', '/api/v1/stacks?limit=1', { token });
    expect(first.body.items.map(({ name }: { name: string }) => name)).toEqual(['blog']);
    const second = await call('GET', `/api/v1/stacks?limit=1&cursor=${first.body.next_cursor}`, { token });
    expect(second.body).toMatchObject({ items: [{ name: 'shop', host_id: a, host_name: 'a' }], next_cursor: null });
  });

  it('a name that two hosts run needs to be told apart', async () => {
    const { token, a, b, c } = await fleet();
    const other = await insertStack('shop', b);
    const ambiguous = await call('GET', '/api/v1/stacks/shop', { token });
    expect(ambiguous).toMatchObject({ status: 409, body: { code: 'stack_ambiguous' } });
    expect([...ambiguous.body.hosts].sort()).toEqual([a, b].sort());
    expect((await call('GET', `/api/v1/stacks/shop?source_host_id=${b}`, { token })).body.id).toBe(other);
    expect((await call('GET', `/api/v1/stacks/shop?source_host_id=${c}`, { token })).status).toBe(404);
    expect(await migrate(token, 'shop', { target_host_id: c })).toMatchObject({
      status: 409,
      body: { code: 'stack_ambiguous' },
    });
  });

  it('B10 B15: impossible names are 422, unknown ones 404', async () => {
    const { token } = await fleet();
    for (const bad of ['..%2f..%2fetc%2fpasswd', 'a%00b', '%0a', 'A', 'x'.repeat(10_000), '%F0%9F%92%A3'])
      expect((await call('GET', `/api/v1/stacks/${bad}`, { token })).status, bad).toBe(422);
    expect(await call('GET', '/api/v1/stacks/other', { token })).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
  });
});

describe('asking for a migration', () => {
  it('B9: to the host it is on is 422', async () => {
    const { token, a } = await fleet();
    for (const path of ['migrate', 'migrate/preflight']) {
      const answer = await call('POST', `/api/v1/stacks/shop/${path}`, { token, body: { target_host_id: a } });
      expect(answer).toMatchObject({ status: 422, body: { code: 'same_host' } });
    }
  });

  it('B15: an unknown stack, target or source is 404 and named', async () => {
    const { token, b } = await fleet();
    const unknown = 'host_01m84szym4tvg03p2mz6y2f9wb';
    expect((await migrate(token, 'other', { target_host_id: b })).status).toBe(404);
    const target = await migrate(token, 'shop', { target_host_id: unknown });
    expect(target).toMatchObject({ status: 404, body: { detail: expect.stringContaining('target_host_id') } });
    const source = await migrate(token, 'shop', { target_host_id: b, source_host_id: unknown });
    expect(source).toMatchObject({ status: 404, body: { detail: expect.stringContaining('source_host_id') } });
  });

  it.each([
    ['an unknown field', { force: true }],
    ['a wrongly typed field', { accept_unmoved: 'yes' }],
    ['an unknown sizing', { sizing: 'cluster' }],
    ['a timeout out of range', { health_timeout_s: 0 }],
    ['a callback that is no URL', { callback_url: 'nowhere' }],
    ['a mode this version does not offer', { mode: 'live' }],
    ['a bandwidth out of range', { bandwidth_limit: 1_000 }],
    ['a target that is no id', { target_host_id: '../b' }],
  ])('B8: %s is 422', async (_, more) => {
    const { token, b } = await fleet();
    const answer = await migrate(token, 'shop', { target_host_id: b, ...more });
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
    expect(answer.body.errors).toHaveLength(1);
  });

  it('B3: needs the scope "migrate"; a pre-flight only "read"', async () => {
    const { b } = await fleet();
    const token = await tokenWith(['read']);
    expect((await migrate(token, 'shop', { target_host_id: b })).status).toBe(403);
    const preflight = await call('POST', '/api/v1/stacks/shop/migrate/preflight', {
      token,
      body: { target_host_id: b },
    });
    expect(preflight.status).toBe(200);
  });

  it('a pre-flight reports that hosts are away, and changes nothing', async () => {
    const { token, a, b, shop } = await fleet();
    const { status, body } = await call('POST', '/api/v1/stacks/shop/migrate/preflight', {
      token,
      body: { target_host_id: b },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ passed: false, inputs: { stack_id: shop, source_host_id: a, target_host_id: b } });
    expect(body.checks.find(({ name }: { name: string }) => name === 'target_online').status).toBe('fail');
    expect((await call('GET', '/api/v1/migrations', { token })).body.items).toEqual([]);
  });

  it('one whose pre-flight fails is 422 with the report, and recorded as failed', async () => {
    const { token, b } = await fleet();
    const refused = await migrate(token, 'shop', { target_host_id: b });
    expect(refused).toMatchObject({ status: 422, body: { code: 'preflight_failed', report: { passed: false } } });
    const shown = await call('GET', `/api/v1/migrations/${refused.body.migration_id}`, { token });
    expect(shown.body).toMatchObject({ status: 'failed', failure: { step: 'preflight' }, stack: { name: 'shop' } });
    expect(shown.body.steps[0]).toMatchObject({ name: 'preflight', status: 'failed' });
    expect(shown.body.steps[1]).toMatchObject({ name: 'preparing', status: 'pending', started_at: null });
  });

  it('B13: while another one runs is 409 and names it', async () => {
    const { token, a, b, shop } = await fleet();
    const running = await insertMigration({ stack_id: shop, stack_name: 'shop', source_host_id: a, target_host_id: b });
    const busy = await migrate(token, 'shop', { target_host_id: b });
    expect(busy).toMatchObject({ status: 409, body: { code: 'migration_running', migration_id: running } });
  });
});
