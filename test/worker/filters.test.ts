import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { newId } from '../../schema/ids.ts';
import type { Status } from '../../schema/migration-status.ts';
import { call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertMigration, insertStack } from './support/records.ts';

const day = (n: number) => Date.UTC(2026, 10, n);
const iso = (at: number) => encodeURIComponent(new Date(at).toISOString());

async function fleet() {
  const token = await tokenWith(['admin']);
  const a = (await createNode(token, 'host', 'a')).id;
  const b = (await createNode(token, 'host', 'b')).id;
  const shop = { stack_id: await insertStack('shop', a), stack_name: 'shop', source_host_id: a, target_host_id: b };
  const add = (status: Status, nth: number, more = {}) =>
    insertMigration({ ...shop, status, created_at: day(nth), ...more });
  const list = async (path: string) => {
    const { status, body } = await call('GET', `/api/v1${path}`, { token });
    expect(status).toBe(200);
    return body.items.map(({ id }: { id: string }) => id);
  };
  return { token, a, b, shop, add, list };
}

describe('filters', () => {
  it('C20: migrations are found by the time of their request, the first moment included', async () => {
    const { add, list } = await fleet();
    const [one, two, three] = [await add('completed', 1), await add('failed', 2), await add('cancelled', 3)];
    expect(await list(`/migrations?created_after=${iso(day(2))}`)).toEqual([three, two]);
    expect(await list(`/migrations?created_before=${iso(day(2))}`)).toEqual([one]);
    expect(await list(`/migrations?created_after=${iso(day(2))}&created_before=${iso(day(3))}`)).toEqual([two]);
    expect(await list(`/migrations?created_after=${encodeURIComponent('2026-11-02T01:00:00+01:00')}`)).toEqual([
      three,
      two,
    ]);
    expect(await list(`/migrations?created_before=${encodeURIComponent('1969-01-01T00:00:00Z')}`)).toEqual([]);
  });

  it('C20: a time without its zone is refused', async () => {
    const { token } = await fleet();
    for (const name of ['created_after', 'created_before']) {
      const refused = await call('GET', `/api/v1/migrations?${name}=2026-11-02T00:00:00`, { token });
      expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: name }] } });
      expect(refused.body.errors[0].message).toContain('a time with its zone');
    }
  });

  it('C20: migrations and drains are found by any of several statuses, and by one as before', async () => {
    const { token, add, list } = await fleet();
    const [one, two, three] = [await add('completed', 1), await add('failed', 2), await add('cancelled', 3)];
    expect(await list('/migrations?status=failed&status=cancelled')).toEqual([three, two]);
    expect(await list('/migrations?status=completed')).toEqual([one]);
    const empty = (await createNode(token, 'host', 'empty')).id;
    const drain = (await call('POST', `/api/v1/hosts/${empty}/drain`, { token, body: {} })).body.id;
    expect(await list('/drains?status=completed&status=failed&status=running')).toEqual([drain]);
    expect(await list('/drains?status=aborted&status=paused')).toEqual([]);
    const refused = await call('GET', '/api/v1/migrations?status=failed&status=lost', { token });
    expect(refused.status).toBe(422);
    expect(refused.body.errors[0].message).toContain('one of preflight');
    expect((await call('GET', `/api/v1/migrations?${'status=failed&'.repeat(30)}`, { token })).status).toBe(422);
  });

  it('C20: migrations are found by their drain, and name it', async () => {
    const { token, add, list } = await fleet();
    await add('completed', 1);
    const drain_id = newId('drain');
    const mine = await add('failed', 2);
    await env.DB.prepare('UPDATE migration SET drain_id = ? WHERE id = ?').bind(drain_id, mine).run();
    expect(await list(`/migrations?drain=${drain_id}`)).toEqual([mine]);
    expect((await call('GET', `/api/v1/migrations/${mine}`, { token })).body).toMatchObject({ drain_id });
    expect(await list(`/migrations?drain=${newId('drain')}`)).toEqual([]);
  });

  it('C20: stacks are found by their host, hosts and relays by their name', async () => {
    const { token, a, b, list } = await fleet();
    const blog = await insertStack('blog', b);
    expect(await list(`/stacks?host=${b}`)).toEqual([blog]);
    expect(await list(`/stacks?host=${a}&search=blog`)).toEqual([]);
    expect(await list('/hosts?name=b')).toEqual([b]);
    expect(await list('/hosts?name=c')).toEqual([]);
    const relay = (await createNode(token, 'relay', 'b')).id;
    expect(await list('/relays?name=b')).toEqual([relay]);
  });

  it('C20: a list carries no whole reports unless they are asked for', async () => {
    const { token, add } = await fleet();
    const id = await add('failed', 1);
    const report = JSON.stringify({ passed: false, checks: [], notes: [] });
    await env.DB.prepare('UPDATE migration SET report = ? WHERE id = ?').bind(report, id).run();
    const get = async (query: string) => (await call('GET', `/api/v1/migrations${query}`, { token })).body;
    expect((await get('')).items).toMatchObject([{ id, report: null }]);
    expect((await get('?expand=report')).items).toMatchObject([{ id, report: { passed: false } }]);
    expect(await get(`/${id}`)).toMatchObject({ report: { passed: false } });
    expect((await call('GET', '/api/v1/migrations?expand=saga', { token })).status).toBe(422);
  });
});
