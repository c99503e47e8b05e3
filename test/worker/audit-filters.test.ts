import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { insertAudit } from '../../worker/store/audit.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { auditOf } from './support/databases.ts';
import { createNode, join } from './support/node.ts';
import { insertMigration, insertStack } from './support/records.ts';

type Entry = { id: number; act: string; actor: { id: string }; objects: Record<string, string> };
const actsOf = (entries: Entry[]) => entries.map(({ act }) => act.replace('/api/v1', ''));

const entry = (at: number, more: object = {}) => ({
  ...{ at, request_id: 'r', actor: { kind: 'token' as const, id: 'tok_x', name: 'x' }, act: 'POST /api/v1/hosts' },
  ...{ objects: {}, status: 200, code: null, address: null, ...more },
});
const day = (n: number) => Date.UTC(2026, 10, n);
const iso = (at: number) => encodeURIComponent(new Date(at).toISOString());

describe('the audit is filtered', () => {
  it('by what the acts are about', async () => {
    const token = await tokenWith(['admin']);
    const { id } = await createNode(token, 'host', 'a');
    await createNode(token, 'relay', 'r');
    await call('POST', `/api/v1/hosts/${id}/cordon`, { token });
    await call('POST', '/api/v1/tokens', { token, body: { name: 'x', scopes: ['read'] } });
    await insertAudit(env.DB, entry(Date.now(), { act: 'certificate_cloned' }));
    await insertAudit(env.DB, entry(Date.now(), { act: 'GET /ui/login/callback' }));
    const about = async (kind: string) => actsOf(await auditOf(token, `&kind=${kind}`));
    expect(await about('hosts')).toEqual(['POST /hosts/{id}/cordon', 'POST /hosts']);
    expect(await about('relays')).toEqual(['POST /relays']);
    expect(await about('tokens')).toEqual(['POST /tokens']);
    expect(await about('login')).toEqual(['GET /ui/login/callback']);
    expect(await about('events')).toEqual(['certificate_cloned']);
    expect((await call('GET', '/api/v1/audit?kind=weather', { token })).status).toBe(422);
  });

  it('by a host: what was done to it, by it, to its migrations and its drains; by a stack likewise', async () => {
    const token = await tokenWith(['admin']);
    const [a, b, c] = [
      await join(token, 'host', 'a'),
      await join(token, 'host', 'b'),
      await createNode(token, 'host', 'c'),
    ];
    const stack_id = await insertStack('shop', a.id);
    const id = await insertMigration({
      ...{ stack_id, stack_name: 'shop', source_host_id: a.id, target_host_id: b.id, status: 'completed' },
    });
    await call('POST', `/api/v1/migrations/${id}/cancel`, { token });
    await call('POST', '/api/v1/stacks/shop/migrate/preflight', { token, body: { target_host_id: c.id } });
    const drain = await call('POST', `/api/v1/hosts/${b.id}/drain`, { token, body: {} });
    await call('POST', `/api/v1/drains/${drain.body.id}/pause`, { token });
    const of = async (query: string) => actsOf(await auditOf(token, query));
    expect(await of(`&host=${b.id}`)).toEqual([
      ...['POST /drains/{id}/pause', 'POST /hosts/{id}/drain', 'POST /migrations/{id}/cancel'],
      ...['POST /enroll', 'POST /hosts'],
    ]);
    expect(await of(`&host=${c.id}`)).toEqual(['POST /hosts']);
    expect(await of('&stack=shop')).toEqual(['POST /stacks/{name}/migrate/preflight', 'POST /migrations/{id}/cancel']);
    expect(await of(`&stack=shop&host=${a.id}`)).toEqual(['POST /migrations/{id}/cancel']);
    expect(await of('&stack=blog')).toEqual([]);
    expect(await of(`&stack=${encodeURIComponent("x' OR 1=1 --")}`)).toEqual([]);
  });

  it('C10: by a host and a stack also once the migration and the drain are forgotten, and only refused acts name neither', async () => {
    const token = await tokenWith(['admin']);
    const [a, b] = [await join(token, 'host', 'a'), await join(token, 'host', 'b')];
    const stack_id = await insertStack('shop', a.id);
    const id = await insertMigration({
      ...{ stack_id, stack_name: 'shop', source_host_id: a.id, target_host_id: b.id, status: 'completed' },
    });
    await call('POST', `/api/v1/migrations/${id}/cancel`, { token });
    await call('POST', '/api/v1/migrations/mig_01m84szym4tvg03p2mz6y2f9wb/cancel', { token });
    const empty = await createNode(token, 'host', 'c');
    const drain = (await call('POST', `/api/v1/hosts/${empty.id}/drain`, { token, body: {} })).body.id;
    await call('POST', `/api/v1/drains/${drain}/abort`, { token, body: {} });
    await env.DB.batch(
      ['migration', 'drain', 'stack', 'node'].map((table) => env.DB.prepare(`DELETE FROM "${table}"`)),
    );
    const of = async (query: string) => actsOf(await auditOf(token, query));
    expect(await of('&stack=shop')).toEqual(['POST /migrations/{id}/cancel']);
    for (const host of [a.id, b.id]) expect((await of(`&host=${host}`))[0]).toBe('POST /migrations/{id}/cancel');
    expect(await of(`&host=${empty.id}`)).toEqual(['POST /drains/{id}/abort', 'POST /hosts/{id}/drain', 'POST /hosts']);
  });

  it('C7: by a host and a stack also what an earlier release recorded, as far as it is known yet', async () => {
    const token = await tokenWith(['admin']);
    const [a, b] = [await createNode(token, 'host', 'a'), await createNode(token, 'host', 'b')];
    const hosts = { source_host_id: a.id, target_host_id: b.id };
    const id = await insertMigration({ ...hosts, stack_id: await insertStack('shop', a.id), stack_name: 'shop' });
    await insertAudit(env.DB, entry(day(1), { act: 'cancel', objects: { id } }));
    await insertAudit(env.DB, entry(day(1), { act: 'migrate', objects: { name: 'shop', created: id } }));
    await insertAudit(env.DB, entry(day(1), { act: 'preflight', objects: { name: 'shop' } }));
    const columns = ['stack_name', 'host_id', 'target_host_id'];
    await env.DB.prepare(`UPDATE audit SET ${columns.map((name) => `${name} = NULL`).join()}`).run();
    expect(actsOf(await auditOf(token, '&stack=shop'))).toEqual([]);
    const backfill = env.TEST_MIGRATIONS.flatMap(({ queries }) => queries).filter((sql) => /UPDATE `?audit/i.test(sql));
    expect(backfill).toHaveLength(1);
    for (const sql of backfill) await env.DB.prepare(sql).run();
    expect(actsOf(await auditOf(token, '&stack=shop'))).toEqual(['preflight', 'migrate', 'cancel']);
    expect(actsOf(await auditOf(token, `&host=${a.id}`))).toEqual(['migrate', 'cancel', 'POST /hosts']);
    expect(actsOf(await auditOf(token, `&host=${b.id}`))).toEqual(['migrate', 'cancel', 'POST /hosts']);
  });

  it('by time, the first moment included and the last one not', async () => {
    const token = await tokenWith(['admin']);
    for (const n of [1, 2, 3]) await insertAudit(env.DB, entry(day(n), { act: `day ${n}` }));
    const of = async (query: string) => actsOf(await auditOf(token, query));
    expect(await of(`&since=${iso(day(2))}`)).toEqual(['day 3', 'day 2']);
    expect(await of(`&until=${iso(day(2))}`)).toEqual(['day 1']);
    expect(await of(`&since=${iso(day(2))}&until=${iso(day(3))}`)).toEqual(['day 2']);
    expect(await of(`&since=${iso(day(9))}`)).toEqual([]);
    expect((await call('GET', '/api/v1/audit?since=yesterday', { token })).status).toBe(422);
  });

  it('by time also where a slow request, which began first, was recorded last', async () => {
    const token = await tokenWith(['admin']);
    const slack = limits.api.auditSlackMs;
    const since = day(2);
    await insertAudit(env.DB, entry(since - slack - 1, { act: 'before' }));
    await insertAudit(env.DB, entry(since + 1, { act: 'quick' }));
    await insertAudit(env.DB, entry(since - slack, { act: 'slow' }));
    await insertAudit(env.DB, entry(since + slack, { act: 'slower' }));
    await insertAudit(env.DB, entry(since + slack + 3, { act: 'after' }));
    const of = async (query: string) => actsOf(await auditOf(token, query));
    expect(await of(`&since=${iso(since)}`)).toEqual(['after', 'slower', 'quick']);
    expect(await of(`&since=${iso(since)}&until=${iso(since + 2)}`)).toEqual(['quick']);
    expect(await of(`&since=${iso(since)}&kind=hosts`)).toEqual([]);
  });

  it('in pages of a bounded search, which lead to what lies far back', async () => {
    const token = await tokenWith(['admin']);
    await insertAudit(env.DB, entry(day(1), { act: 'POST /api/v1/relays' }));
    const gap = limits.api.auditScanRowsMax * 2;
    await env.DB.prepare("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'audit'").bind(gap).run();
    await insertAudit(env.DB, entry(day(2)));
    const get = async (query: string) => (await call('GET', `/api/v1/audit?${query}`, { token })).body;
    let page = await get('kind=relays');
    expect(page).toMatchObject({ items: [], next_cursor: expect.any(String) });
    for (let rounds = 0; page.items.length === 0 && rounds < 3; rounds++)
      page = await get(`kind=relays&cursor=${page.next_cursor}`);
    expect(page).toMatchObject({ items: [{ act: 'POST /api/v1/relays' }], next_cursor: null });
    expect((await get('actor=tok_01m84szym4tvg03p2mz6y2f9wb')).next_cursor).toBeNull();
  });
});

describe('the export of the audit', () => {
  const raw = async (token: string, query: string) => {
    const { app } = await import('../../worker/app.ts');
    const headers = { authorization: `Bearer ${token}` };
    const response = await app.request(`http://stackferry.test/api/v1/audit/export?${query}`, { headers }, bindings);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  it('is NDJSON or CSV, filtered like the list; names are no formulas', async () => {
    const token = await tokenWith(['admin']);
    const name = '=HYPERLINK("https://evil.example"),"x"';
    const actor = { kind: 'token' as const, id: 'tok_x', name };
    await insertAudit(env.DB, entry(day(1), { actor, objects: { name: 'shop', created: 'mig_1' } }));
    await insertAudit(env.DB, entry(day(2), { code: 'forbidden', status: 403 }));
    const json = await raw(token, 'format=ndjson');
    expect(json.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    const listed = await auditOf(token);
    expect(
      json.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(listed);
    const csv = await raw(token, `format=csv&until=${iso(day(2))}`);
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.headers.get('content-disposition')).toBe('attachment; filename="stackferry-audit.csv"');
    expect(csv.text.split('\n')).toEqual([
      'id,at,actor_kind,actor_id,actor_name,act,objects,status,code,address,request_id',
      `${listed[1].id},2026-11-01T00:00:00.000Z,token,tok_x,"'=HYPERLINK(""https://evil.example""),""x""",POST /api/v1/hosts,name=shop created=mig_1,200,,,r`,
      '',
    ]);
  });

  it('comes in parts, the head once', async () => {
    const token = await tokenWith(['admin']);
    for (const n of [1, 2, 3]) await insertAudit(env.DB, entry(day(n)));
    const first = await raw(token, 'format=csv&limit=2');
    expect(first.text.trimEnd().split('\n')).toHaveLength(3);
    const rest = await raw(token, `format=csv&limit=2&before=${first.headers.get('x-next-before')}`);
    expect(rest.text.trimEnd().split('\n')).toHaveLength(1);
    expect(rest.text).not.toContain('actor_kind');
    expect(rest.headers.get('x-next-before')).toBeNull();
    expect((await raw(token, `limit=${limits.api.auditExportRowsMax + 1}`)).status).toBe(422);
    expect((await raw(token, 'format=xml')).status).toBe(422);
    for (const scope of ['read', 'migrate'] as const)
      expect((await raw(await tokenWith([scope]), '')).status).toBe(403);
  });
});
