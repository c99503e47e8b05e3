import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../schema/preflight-report.ts';
import { call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertMigration, insertStack } from './support/records.ts';
import { logIn, request, submit } from './support/ui.ts';

async function enter(scopes: Parameters<typeof tokenWith>[0] = ['admin']) {
  const token = await tokenWith(scopes);
  const cookie = await logIn(token);
  const page = async (path: string) => {
    const answer = await request(path, { headers: { cookie, accept: 'text/html' } });
    return { status: answer.status, html: (await answer.text()).replaceAll(/\s+/g, ' ') };
  };
  return { token, cookie, page };
}

describe('a page that cannot be shown', () => {
  it('says that nothing is there, and leads on', async () => {
    const { page } = await enter();
    for (const path of ['/ui/stacks/nothing', '/ui/hosts/host_00000000000000000000000000']) {
      const { status, html } = await page(path);
      expect(status).toBe(404);
      expect(html).toContain('It may have been deleted, or the address is incomplete.');
      expect(html).toContain('>To the stacks</a>');
    }
  });

  it('says which scope is missing, and leads to another login', async () => {
    const { token } = await enter();
    const host = (await createNode(token, 'host', 'old-server')).id;
    const { page } = await enter(['read']);
    // Planning a drain needs more than reading.
    const { status, html } = await page(`/ui/hosts/${host}/drain`);
    expect(status).toBe(403);
    expect(html).toContain('href="/ui/login">log in with another token</a>');
  });
});

describe('the page of a host', () => {
  it('that has not joined says what to do, and what if the command is lost', async () => {
    const { token, cookie, page } = await enter();
    const { id } = await createNode(token, 'host', 'fresh');
    const { html } = await page(`/ui/hosts/${id}`);
    expect(html).toContain('This host has not joined yet.');
    expect(html).toContain('If it is lost or has expired, make a new one');
    const form = new URLSearchParams({ csrf: /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '', once: 'one' });
    const made = await submit(`/ui/hosts/${id}/join-token`, form, cookie);
    const shown = (await made.text()).replaceAll(/\s+/g, ' ');
    expect(shown).toContain('has a new join command');
    expect(shown).toContain('--join sfj_');
  });

  it('that is offline says since when, and shows no bar of what it used', async () => {
    const { token, page } = await enter();
    const { id } = await createNode(token, 'host', 'old-server');
    const memory = { total_bytes: 8_589_934_592, used_bytes: 4_294_967_296, free_bytes: 4_294_967_296 };
    const resources = JSON.stringify({ cpu: { cores: 4, load_1m: 1 }, memory, disk: memory });
    await env.DB.prepare('UPDATE node SET joined_at = 1, seen_at = 1, resources = ?1').bind(resources).run();
    for (const path of [`/ui/hosts/${id}`, '/ui/hosts']) {
      const { html } = await page(path);
      expect(html).toContain('offline');
      expect(html).toContain('4.0 of 8.0 GiB free');
      expect(html).not.toContain('<meter');
    }
  });
});

describe('the page of a stack', () => {
  it('with one host says why it cannot move, and leads to another', async () => {
    const { token, page } = await enter();
    await insertStack('shop', (await createNode(token, 'host', 'only')).id);
    const { html } = await page('/ui/stacks/shop');
    expect(html).toContain('It can’t move yet: this is the only host.');
    expect(html).not.toContain('>Migrate<');
  });

  it('has the sizes of its volumes as a migration last measured them, in the list too', async () => {
    const { token, page } = await enter();
    const host = (await createNode(token, 'host', 'old-server')).id;
    const stack_id = await insertStack('shop', host);
    const id = await insertMigration({
      ...{ stack_id, stack_name: 'shop', source_host_id: host, target_host_id: host, status: 'completed' },
    });
    const items: NonNullable<Report['plan']>['items'] = [
      { kind: 'volume', name: 'shop_data', size_bytes: 3_221_225_472 },
      { kind: 'project', name: '/srv/shop', size_bytes: 1_073_741_824 },
      { kind: 'image', name: 'nginx:1', size_bytes: 9_663_676_416 },
    ];
    const report = { made_at: Date.now(), checks: [], notes: [], bind_mounts: [], plan: { items, total_bytes: 1 } };
    await env.DB.prepare('UPDATE migration SET report = ?1 WHERE id = ?2').bind(JSON.stringify(report), id).run();
    expect((await page('/ui/stacks/shop')).html).toContain('shop_data, 3.0 GiB');
    expect((await page('/ui/stacks')).html).toContain('>4.0 GiB<');
    const { body } = await call('GET', '/api/v1/stacks/shop', { token });
    expect(body).toMatchObject({ data_bytes: 4_294_967_296, moved_at: expect.any(String) });
  });

  it('calls a job that has ended finished', async () => {
    const { token, page } = await enter();
    await insertStack('shop', (await createNode(token, 'host', 'only')).id);
    const service = { name: 'migrate', image: 'app:1', running: 0, total: 1, finished: 1 };
    await env.DB.prepare(`UPDATE stack SET summary = json_set(summary, '$.services', json(?1))`)
      .bind(JSON.stringify([service]))
      .run();
    expect((await page('/ui/stacks/shop')).html).toContain('finished (exit 0)');
  });
});
