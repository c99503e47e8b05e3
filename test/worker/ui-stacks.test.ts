import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertStack, summaryOf } from './support/records.ts';
import { logIn, request } from './support/ui.ts';

describe('the list of stacks', () => {
  it('is searched by the name of the stack or its host, wildcards being text', async () => {
    const token = await tokenWith(['read', 'admin']);
    const old = (await createNode(token, 'host', 'old-server')).id;
    const fresh = (await createNode(token, 'host', 'new-server')).id;
    for (const [name, host] of [
      ['blog', old],
      ['shop', old],
      ['web_shop', fresh],
    ] as const)
      await insertStack(name, host);
    const names = async (query: string) =>
      (await call('GET', `/api/v1/stacks?${query}`, { token })).body.items.map(({ name }: { name: string }) => name);
    expect(await names('search=SHOP')).toEqual(['shop', 'web_shop']);
    expect(await names('search=old-')).toEqual(['blog', 'shop']);
    expect(await names('search=%25')).toEqual([]);
    expect(await names('search=_')).toEqual(['web_shop']);
    expect(await names('running=false')).toEqual([]);
    const cookie = await logIn(token);
    const page = await (await request('/ui/stacks?search=nothing', { headers: { cookie } })).text();
    expect(page).toContain('No stack matches');
    expect(page).toContain('value="nothing"');
  });

  it('stays quick and small with 2,000 stacks on 300 hosts', async () => {
    const token = await tokenWith(['read', 'admin']);
    const now = Date.now();
    const host = (n: number) => `host_${String(n).padStart(26, '0')}`;
    const stack = (n: number) => `stack_${String(n).padStart(26, '0')}`;
    await env.DB.batch(
      Array.from({ length: 300 }, (_, n) =>
        env.DB.prepare(`INSERT INTO node (id, kind, name, created_at) VALUES (?, 'host', ?, ?)`).bind(
          host(n),
          `h${n}`,
          now,
        ),
      ),
    );
    const insert = `INSERT INTO stack (id, name, home_id, summary, created_at, seen_at) VALUES (?, ?, ?, ?, ?, ?)`;
    const summary = JSON.stringify(summaryOf('app'));
    await env.DB.batch(
      Array.from({ length: 2_000 }, (_, n) =>
        env.DB.prepare(insert).bind(stack(n), `app-${n}`, host(n % 300), summary, now, now),
      ),
    );
    const cookie = await logIn(token);
    const visit = () => request('/ui/stacks?search=app', { headers: { cookie, accept: 'text/html' } });
    await visit();
    const began = Date.now();
    const page = await (await visit()).text();
    expect(Date.now() - began).toBeLessThan(5_000);
    expect(page.length).toBeLessThan(150_000);
    expect(page.split('<tr>')).toHaveLength(52);
    expect(page).toContain('search=app&amp;cursor=');
  }, 60_000);
});
