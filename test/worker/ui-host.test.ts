import { describe, expect, it } from 'vitest';
import { tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertMigration, insertStack, windowEndingAt } from './support/records.ts';
import { logIn, request } from './support/ui.ts';

const hour = 3_600_000;

async function twoHosts() {
  const token = await tokenWith(['admin']);
  const old = (await createNode(token, 'host', 'old-server')).id;
  const fresh = (await createNode(token, 'host', 'new-server')).id;
  const cookie = await logIn(token);
  const page = async (id: string) =>
    (await (await request(`/ui/hosts/${id}`, { headers: { cookie } })).text()).replaceAll(/\s+/g, ' ');
  return { old, fresh, page };
}

describe('deleting a host', () => {
  it('names every stack and kept copy on it, and the window that closes with it', async () => {
    const { old, fresh, page } = await twoHosts();
    await insertStack('blog', old);
    const shop = { stack_id: await insertStack('shop', fresh), stack_name: 'shop' };
    const window = windowEndingAt(Date.now() + 70.5 * hour);
    const sides = { source_host_id: old, target_host_id: fresh };
    await insertMigration({ ...shop, ...sides, status: 'completed', saga: { window } });
    const html = await page(old);
    expect(html).toContain('This host still holds:');
    expect(html).toContain('<strong>blog</strong>, running');
    expect(html).toContain('the kept copy of shop</a>, which moved to new-server');
    expect(html).toMatch(/can be rolled back for <time[^>]*>70 h \d+ min<\/time> more: <strong>then no longer/);
    // The target keeps no copy.
    expect(await page(fresh)).not.toContain('the kept copy of');
  });

  it('says so of a host that holds nothing', async () => {
    const { old, page } = await twoHosts();
    expect(await page(old)).toContain('It holds no stack and no kept copy.');
  });
});
