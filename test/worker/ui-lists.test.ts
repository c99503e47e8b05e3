import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { call, tokenWith } from './support/api.ts';
import { visit } from './support/counting.ts';
import { hostAt, insertMany } from './support/many.ts';
import { createNode } from './support/node.ts';
import { insertStack } from './support/records.ts';
import { logIn } from './support/ui.ts';

/** Of a page itself; style, scripts and icon take up to 40 kB, as test/browser/pages.test.ts measures: 150 kB in all. */
const bytesMax = 110_000;
const few = { hosts: 3, stacks: 6, migrations: 12 };
const many = { hosts: 300, stacks: 2_000, migrations: 10_000 };

/** Pages that list something, and what one of them shows with thousands. */
const lists = [
  '/ui/stacks',
  '/ui/stacks?search=app',
  '/ui/stacks?sort=host&order=desc',
  '/ui/stacks?sort=moved&order=desc',
  '/ui/stacks?running=true&sort=reported',
  '/ui/hosts',
  '/ui/hosts?sort=memory&order=desc&status=online',
  '/ui/migrations',
  '/ui/migrations?search=app&sort=stack',
  '/ui/migrations?sort=state&order=desc&status=completed',
  '/ui/drains',
];

async function enter(fleet: typeof few) {
  await env.DB.batch(['node', 'stack', 'migration'].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  await insertMany(fleet);
  const token = await tokenWith(['admin']);
  const cookie = await logIn(token);
  // The first request of a token notes its use.
  await visit('/ui/stacks', cookie);
  return { token, cookie };
}

describe('lists of thousands', () => {
  it('C15: a page asks no object of a host, and the database as often for thousands as for a few', async () => {
    const cost: Record<string, number[]> = {};
    for (const fleet of [few, many]) {
      const { cookie } = await enter(fleet);
      for (const path of lists) {
        const { status, html, queries, objects } = await visit(path, cookie);
        expect({ path, status, objects }).toEqual({ path, status: 200, objects: 0 });
        expect({ path, small: html.length < bytesMax }).toEqual({ path, small: true });
        cost[path] = [...(cost[path] ?? []), queries];
      }
    }
    for (const [path, [ofFew, ofMany]] of Object.entries(cost)) {
      expect({ path, queries: ofMany }).toEqual({ path, queries: ofFew });
      expect({ path, few: ofMany! <= 20 }).toEqual({ path, few: true });
    }
  }, 120_000);

  it('C15: nothing is cut off in silence: every stack, host and migration is on one of the pages', async () => {
    const { token } = await enter(many);
    for (const [path, total] of [
      ['/stacks?sort=moved&order=desc', many.stacks],
      ['/stacks?sort=host', many.stacks],
      ['/hosts?sort=disk&order=desc', many.hosts],
      ['/migrations?sort=stack', many.migrations],
    ] as const) {
      const seen = new Set<string>();
      let cursor: string | null = '';
      let pages = 0;
      for (; cursor !== null && pages < 60; pages++) {
        const next: { items: { id: string }[]; next_cursor: string | null } = (
          await call('GET', `/api/v1${path}&limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, { token })
        ).body;
        for (const { id } of next.items) seen.add(id);
        cursor = next.next_cursor;
      }
      expect({ path, seen: seen.size }).toEqual({ path, seen: total });
    }
  }, 120_000);

  it('C15: the pages of one stack, of one host, and of its migration cost the same in a large fleet', async () => {
    const places = [
      '/ui/stacks/app-00001',
      `/ui/hosts/${hostAt(1)}`,
      `/ui/stacks/app-00001/migrate?from=${hostAt(1)}`,
      '/ui/migrations/mig_00000000000000000000000001',
    ];
    const cost: Record<string, { queries: number; objects: number }[]> = {};
    for (const fleet of [few, many]) {
      const { cookie } = await enter(fleet);
      for (const path of places) {
        const { status, html, queries, objects } = await visit(path, cookie);
        expect({ path, status }).toEqual({ path, status: 200 });
        expect({ path, small: html.length < bytesMax }).toEqual({ path, small: true });
        cost[path] = [...(cost[path] ?? []), { queries, objects }];
      }
    }
    for (const [path, [ofFew, ofMany]] of Object.entries(cost)) {
      expect({ path, ...ofMany }).toEqual({ path, ...ofFew });
      // Its own host, for the latest report of the stack and whether the host is online right now.
      expect(ofMany!.objects).toBeLessThanOrEqual(2);
    }
  }, 120_000);

  it('a host with hundreds of stacks lists some, leads to all, and names all of them before it is deleted', async () => {
    const { cookie } = await enter({ hosts: 1, stacks: limits.control.stacksPerHostMax, migrations: 1 });
    const { html } = await visit(`/ui/hosts/${hostAt(0)}`, cookie);
    expect(html.length).toBeLessThan(bytesMax);
    expect(html).toContain(`href="/ui/stacks?host=${hostAt(0)}"`);
    for (const name of ['app-00000', 'app-00499'])
      expect(html.slice(html.indexOf('This host still holds'))).toContain(name);
  }, 60_000);
});

describe('a list', () => {
  it('is sorted by its columns, by the server, and keeps its filters', async () => {
    const { cookie } = await enter(few);
    const { html } = await visit('/ui/stacks?sort=name&order=desc&search=app', cookie);
    expect(html.indexOf('>app-00005<')).toBeLessThan(html.indexOf('>app-00000<'));
    expect(html).toContain('aria-sort="descending"');
    expect(html).toContain('href="/ui/stacks?sort=host&amp;order=asc&amp;search=app"');
    // The form of filters keeps the order.
    expect(html).toContain('<input type="hidden" name="sort" value="name"/>');
  });

  it('sorts stacks by their latest report as it is shown: those of a connected host first', async () => {
    const token = await tokenWith(['admin']);
    const [away, here] = [await createNode(token, 'host', 'away'), await createNode(token, 'host', 'here')];
    await insertStack('changed-lately', away.id);
    await insertStack('unchanged', here.id);
    await env.DB.batch([
      env.DB.prepare('UPDATE node SET joined_at = 1, connected = (name = ?1), seen_at = 2').bind('here'),
      env.DB.prepare("UPDATE stack SET seen_at = CASE name WHEN 'unchanged' THEN 1 ELSE 9 END"),
    ]);
    const { body } = await call('GET', '/api/v1/stacks?sort=reported&order=desc', { token });
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(['unchanged', 'changed-lately']);
  });

  it('leads on to the next page and back to the first', async () => {
    const { cookie } = await enter({ hosts: 60, stacks: 60, migrations: 1 });
    const { html } = await visit('/ui/hosts?sort=name', cookie);
    const next = /href="(\/ui\/hosts\?[^"]*cursor=[^"]*)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const second = await visit(next, cookie);
    expect(second.html).toContain('>server-0059<');
    expect(second.html).not.toContain('>server-0000<');
    expect(second.html).toMatch(/href="\/ui\/hosts\?sort=name">\s*First page/);
  });

  it('says where a search finds nothing, and leads out of it', async () => {
    const { cookie } = await enter(few);
    for (const [path, words] of [
      ['/ui/stacks?search=nothing', 'No stack matches'],
      ['/ui/hosts?search=nothing', 'No host matches'],
      ['/ui/migrations?search=nothing', 'No migration matches'],
      ['/ui/drains?status=failed', 'No drain matches'],
    ] as const)
      expect((await visit(path, cookie)).html).toContain(words);
  });

  it('finds a migration by a part of the name of its stack or of a host', async () => {
    const { token } = await enter(few);
    const found = async (search: string) =>
      (await call('GET', `/api/v1/migrations?search=${search}`, { token })).body.items.length;
    expect(await found('00003')).toBe(2);
    expect(await found('SERVER-0002')).toBe(8);
    expect(await found('%25')).toBe(0);
  });
});
