import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertEvent, insertMigration, insertStack } from './support/records.ts';

async function fleet() {
  const token = await tokenWith(['admin']);
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(async (name) => (await createNode(token, 'host', name)).id));
  const add = async (name: string, from: string, to: string) =>
    insertMigration({
      ...{ stack_id: await insertStack(name, from), stack_name: name, source_host_id: from, target_host_id: to },
      status: 'completed',
    });
  const shop = await add('shop', a!, b!);
  const blog = await add('blog', b!, c!);
  const reader = await tokenWith(['read']);
  const feed = async (query = '') => {
    const { status, body } = await call('GET', `/api/v1/events${query}`, { token: reader });
    expect(status).toBe(200);
    return body as { items: { id: number; type: string; data: { n?: number } }[]; cursor: string; has_more: boolean };
  };
  return { reader, a: a!, b: b!, c: c!, shop, blog, feed };
}
const numbers = ({ items }: { items: { data: { n?: number } }[] }) => items.map(({ data }) => data.n);

describe('the event feed', () => {
  it('C20: gives every event once and in order, whatever happens meanwhile', async () => {
    const { shop, blog, feed } = await fleet();
    for (let n = 0; n < 5; n++) await insertEvent(n % 2 ? shop : blog, 'status', { n });
    const seen: (number | undefined)[] = [];
    let next = 5;
    for (let after = '', rounds = 0; rounds < 8; rounds++) {
      const page = await feed(`?limit=2${after && `&after=${after}`}`);
      seen.push(...numbers(page));
      after = page.cursor;
      if (rounds < 2) await insertEvent(shop, 'notice', { n: next++ });
      if (!page.has_more && rounds > 2) break;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('C20: says of each event what it is about, under the id of the stream of its migration', async () => {
    const { shop, a, b, feed, reader } = await fleet();
    await insertEvent(shop, 'status', { from: 'verifying', to: 'completed' });
    const { items } = await feed();
    expect(items).toEqual([
      {
        ...{
          id: expect.any(Number),
          type: 'status',
          at: expect.stringMatching(/Z$/),
          migration_id: shop,
          drain_id: null,
          host_id: null,
        },
        stack: { id: expect.stringMatching(/^stack_/), name: 'shop' },
        ...{ source_host_id: a, target_host_id: b, data: { from: 'verifying', to: 'completed' } },
      },
    ]);
    const stream = await call('GET', `/api/v1/migrations/${shop}/events`, {
      token: reader,
      headers: { 'last-event-id': String(items[0]!.id) },
    });
    expect(stream.status).toBe(204);
  });

  it('C20: is filtered by type, stack and host, and the cursor goes on past what did not fit', async () => {
    const { shop, blog, a, b, c, feed } = await fleet();
    await insertEvent(shop, 'status', { n: 1 });
    await insertEvent(blog, 'notice', { n: 2 });
    await insertEvent(shop, 'failure', { n: 3 });
    expect(numbers(await feed('?stack=shop'))).toEqual([1, 3]);
    expect(numbers(await feed(`?host=${c}`))).toEqual([2]);
    expect(numbers(await feed(`?host=${b}`))).toEqual([1, 2, 3]);
    expect(numbers(await feed('?type=notice&type=failure'))).toEqual([2, 3]);
    expect(numbers(await feed(`?type=failure&host=${a}&stack=shop`))).toEqual([3]);
    const none = await feed('?stack=none');
    expect(none).toMatchObject({ items: [], has_more: false });
    await insertEvent(shop, 'status', { n: 4 });
    expect(numbers(await feed(`?after=${none.cursor}`))).toEqual([4]);
  });

  it('C20: looks at a bounded number of events per answer, and finds what lies far behind', async () => {
    const { shop, blog, feed } = await fleet();
    await insertEvent(blog, 'status', { n: 1 });
    await env.DB.prepare("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'migration_event'")
      .bind(limits.api.feedScanRowsMax * 2)
      .run();
    await insertEvent(shop, 'status', { n: 2 });
    let page = await feed('?stack=shop');
    expect(page).toMatchObject({ items: [], has_more: true });
    for (let rounds = 0; page.items.length === 0 && rounds < 3; rounds++)
      page = await feed(`?stack=shop&after=${page.cursor}`);
    expect(numbers(page)).toEqual([2]);
    expect(page.has_more).toBe(false);
  });

  it('C20: begins with what is to come for who asks for the latest', async () => {
    const { shop, feed } = await fleet();
    await insertEvent(shop, 'status', { n: 1 });
    const { cursor, items } = await feed('?after=latest');
    expect(items).toEqual([]);
    await insertEvent(shop, 'status', { n: 2 });
    expect(numbers(await feed(`?after=${cursor}`))).toEqual([2]);
  });

  it('C20: refuses a cursor of a time that a restore of the database has undone, and what is none', async () => {
    const { shop, feed, reader } = await fleet();
    await insertEvent(shop, 'status', { n: 1 });
    await insertEvent(shop, 'status', { n: 2 });
    const { cursor } = await feed();
    await env.DB.prepare("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'migration_event'").run();
    const refused = await call('GET', `/api/v1/events?after=${cursor}`, { token: reader });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
    expect(refused.body.detail).toContain('was restored');
    for (const bad of ['abc', btoa('["x"]'), btoa('["-1"]'), btoa('[1]'), btoa('["1"]'), btoa('["1","x"]')])
      expect((await call('GET', `/api/v1/events?after=${bad}`, { token: reader })).body.code).toBe('invalid_cursor');
    for (const query of ['type=reboot', 'limit=0', `limit=${limits.control.pageSizeMax + 1}`, 'host=a', 'cursor=x'])
      expect((await call('GET', `/api/v1/events?${query}`, { token: reader })).status).toBe(422);
    expect((await call('GET', '/api/v1/events')).status).toBe(401);
  });

  it('C20: refuses such a cursor also once as many events have come since, but not for one that was only deleted', async () => {
    const { shop, feed, reader } = await fleet();
    for (const n of [1, 2, 3]) await insertEvent(shop, 'status', { n });
    const [early, late] = [await feed('?limit=1'), await feed('?stack=none')];
    await env.DB.prepare('DELETE FROM migration_event WHERE id > 1').run();
    expect(await feed(`?after=${late.cursor}`)).toMatchObject({ items: [], has_more: false });
    await env.DB.prepare("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'migration_event'").run();
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const n of [4, 5, 6]) await insertEvent(shop, 'status', { n });
    const refused = await call('GET', `/api/v1/events?after=${late.cursor}`, { token: reader });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
    expect(numbers(await feed(`?after=${early.cursor}`))).toEqual([4, 5, 6]);
    const latest = await feed('?after=latest');
    expect(numbers(await feed(`?after=${latest.cursor}`))).toEqual([]);
  });
});
