import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { call, tokenWith } from './support/api.ts';
import { insertMigration, insertStack } from './support/records.ts';

type Item = Record<string, unknown>;
interface List {
  path: string;
  /** What tells its items apart. */
  keyOf: (item: Item) => unknown;
  add: (name: string) => Promise<unknown>;
}

/** By operationId: every list of the API, what tells its items apart, and how one gets into it. */
async function listsOf(token: string): Promise<Record<string, List>> {
  const post = async (path: string, body: unknown) => {
    const answer = await call('POST', `/api/v1${path}`, { token, body });
    if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
    return answer.body;
  };
  const byId = ({ id }: Item) => id;
  const host = (await post('/hosts', { name: 'first' })).id as string;
  const stack_id = await insertStack('moved', host);
  const moved = { stack_id, stack_name: 'moved', source_host_id: host, target_host_id: host };
  const url = 'https://hooks.example.com/stackferry';
  const webhook = (await post('/webhooks', { url })).id as string;
  const drained = async (name: string) => post(`/hosts/${(await post('/hosts', { name })).id}/drain`, {});
  return {
    listHosts: { path: '/hosts', keyOf: byId, add: (name) => post('/hosts', { name }) },
    listRelays: { path: '/relays', keyOf: byId, add: (name) => post('/relays', { name }) },
    listStacks: { path: '/stacks', keyOf: byId, add: (name) => insertStack(name, host) },
    listMigrations: {
      ...{ path: '/migrations', keyOf: byId },
      add: () => insertMigration({ ...moved, status: 'completed' }),
    },
    listTokens: { path: '/tokens', keyOf: byId, add: (name) => post('/tokens', { name, scopes: ['read'] }) },
    listAudit: { path: '/audit', keyOf: byId, add: (name) => post('/tokens', { name, scopes: ['read'] }) },
    listWebhooks: { path: '/webhooks', keyOf: byId, add: () => post('/webhooks', { url }) },
    listDeliveries: {
      ...{ path: `/webhooks/${webhook}/deliveries`, keyOf: ({ event_id }) => event_id },
      add: () => post(`/webhooks/${webhook}/test`, {}),
    },
    listDrains: { path: '/drains', keyOf: byId, add: drained },
  };
}

const names = [
  ...['listHosts', 'listRelays', 'listStacks', 'listMigrations', 'listTokens', 'listAudit', 'listWebhooks'],
  ...['listDeliveries', 'listDrains'],
];

describe('every list', () => {
  const here = async (name: string) => {
    const token = await tokenWith(['admin']);
    const list = (await listsOf(token))[name]!;
    const get = (query: string) => call('GET', `/api/v1${list.path}${query}`, { token });
    return { ...list, get };
  };

  it('is among those that are tried here', async () => {
    const { body } = await call('GET', '/api/v1/openapi.json');
    type Operation = { operationId: string; parameters?: { name?: string }[] };
    const lists = Object.values(body.paths as Record<string, Record<string, Operation>>)
      .flatMap((item) => Object.values(item))
      .filter(({ parameters }) => parameters?.some((parameter) => parameter.name === 'cursor'));
    expect(lists.map(({ operationId }) => operationId).toSorted()).toEqual(names.toSorted());
  });

  it.each(names)('%s shows each item once, whatever is added while it is paged through', async (name) => {
    const { add, get, keyOf } = await here(name);
    for (const n of [1, 2, 3, 4, 5]) await add(`n${n}`);
    const before: unknown[] = (await get('')).body.items.map(keyOf);
    expect(before.length).toBeGreaterThanOrEqual(5);
    const seen: unknown[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 12; pages++) {
      const { status, body }: Awaited<ReturnType<typeof get>> = await get(
        `?limit=2${cursor ? `&cursor=${cursor}` : ''}`,
      );
      expect(status).toBe(200);
      expect(body.items.length).toBeLessThanOrEqual(2);
      seen.push(...body.items.map(keyOf));
      cursor = body.next_cursor;
      if (pages < 2) await add(`m${pages}`);
    }
    expect(cursor).toBeNull();
    expect(seen).toEqual([...new Set(seen)]);
    expect(seen.filter((key) => before.includes(key))).toEqual(before);
  });

  it('leads on from the longest name a stack can have', async () => {
    const { add, get } = await here('listStacks');
    for (const letter of ['a', 'b']) await add(letter.repeat(limits.control.stackNameLengthMax));
    const { next_cursor } = (await get('?limit=1')).body;
    expect((await get(`?limit=1&cursor=${next_cursor}`)).body.items).toMatchObject([
      { name: 'b'.repeat(limits.control.stackNameLengthMax) },
    ]);
  });

  it.each(names)('B11 B17: %s refuses what is no cursor of its own, and takes SQL in one for text', async (name) => {
    const { get } = await here(name);
    const all = (await get('')).body;
    for (const bad of ['abc', '%25%25', btoa('{}'), btoa('[]'), btoa('["a","b","c"]'), btoa('[1]'), btoa('"x"')])
      expect(await get(`?cursor=${bad}`)).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
    expect(await get(`?cursor=${'a'.repeat(10_000)}`)).toMatchObject({
      status: 422,
      body: { code: 'invalid_request' },
    });
    const sql = "x' OR 1=1; DELETE FROM node; --";
    for (const key of [[sql], [sql, sql]]) {
      const { status, body } = await get(`?cursor=${btoa(JSON.stringify(key))}`);
      expect([200, 400]).toContain(status);
      if (status === 400) expect(body.code).toBe('invalid_cursor');
    }
    expect((await get('')).body).toEqual(all);
  });

  it.each(names)('B8: %s takes limits within its bounds only, and no parameter that it does not know', async (name) => {
    const { get } = await here(name);
    for (const query of ['limit=0', 'limit=-1', `limit=${limits.control.pageSizeMax + 1}`, 'limit=two', 'order=name'])
      expect(await get(`?${query}`)).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
    expect((await get(`?limit=${limits.control.pageSizeMax}`)).status).toBe(200);
  });
});

describe('filters', () => {
  it('B17 B8: SQL in one is text that matches nothing, or no value of that field', async () => {
    const token = await tokenWith(['admin']);
    const sql = encodeURIComponent("x' OR '1'='1");
    const get = (path: string) => call('GET', `/api/v1${path}`, { token });
    await call('POST', '/api/v1/hosts', { token, body: { name: 'a' } });
    for (const query of [`/migrations?stack=${sql}`, `/audit?act=${sql}`])
      expect(await get(query)).toMatchObject({ status: 200, body: { items: [], next_cursor: null } });
    for (const query of [
      ...[`/migrations?host=${sql}`, `/migrations?status=${sql}`, `/migrations?cleanup_due=${sql}`],
      ...[`/audit?actor=${sql}`, `/webhooks?migration=${sql}`, `/drains?host=${sql}`, `/drains?status=${sql}`],
    ])
      expect({ query, ...(await get(query)) }).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
  });
});
