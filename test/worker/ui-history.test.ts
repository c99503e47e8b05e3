import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Status } from '../../schema/migration-status.ts';
import type { Saga, SagaFailure } from '../../schema/saga.ts';
import { call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertEvent, insertMigration, insertStack, windowEndingAt } from './support/records.ts';
import { logIn, request } from './support/ui.ts';

const hour = 3_600_000;

/** `shop` went from old to fresh and on to spare. */
async function movedTwice() {
  const token = await tokenWith(['admin']);
  const [old, fresh, spare] = await Promise.all(
    ['old-server', 'new-server', 'spare'].map(async (name) => (await createNode(token, 'host', name)).id),
  );
  const stack = { stack_id: await insertStack('shop', spare!), stack_name: 'shop' };
  const saga = { window: windowEndingAt(Date.now() + 70 * hour) };
  const move = (from: string, to: string, nth: number, status: Status = 'completed', more: Partial<Saga> = {}) =>
    insertMigration({
      ...stack,
      source_host_id: from,
      target_host_id: to,
      status,
      created_at: Date.now() - hour + nth,
      saga: { ...saga, ...more },
    });
  const first = await move(old!, fresh!, 1);
  const second = await move(fresh!, spare!, 2);
  const cookie = await logIn(token);
  const page = async (id: string) =>
    (await (await request(`/ui/migrations/${id}`, { headers: { cookie } })).text()).replaceAll(/\s+/g, ' ');
  const stackPage = async () => (await request('/ui/stacks/shop', { headers: { cookie, accept: 'text/html' } })).text();
  return { token, old: old!, fresh: fresh!, spare: spare!, first, second, move, page, stackPage };
}

describe('a migration whose stack has moved on', () => {
  it('says so, links the next one, and offers no rollback', async () => {
    const { first, second, page } = await movedTwice();
    const html = await page(first);
    expect(html).toContain('shop moved to new-server.');
    expect(html).toContain('It is now on spare.');
    expect(html).toContain(`href="/ui/migrations/${second}"`);
    expect(html).not.toContain('runs on new-server');
    expect(html).not.toContain('Can be rolled back for');
    expect(html).not.toContain('/rollback"');
    // Its kept copy can still be deleted.
    expect(html).toContain(`${first}/delete-source"`);
    expect(await page(second)).toContain('/rollback"');
  });

  it('is told on the page of the stack as what it is', async () => {
    const { first, second, stackPage } = await movedTwice();
    const html = await stackPage();
    expect(html).toContain(`<a href="/ui/migrations/${first}">Delete the source</a>`);
    expect(html).toContain(`<a href="/ui/migrations/${second}">Roll back or delete the source</a>`);
  });

  it('does not offer to delete a copy that is the stack again', async () => {
    const { token, old, spare, first, move, page } = await movedTwice();
    await move(spare, old, 3);
    await env.DB.prepare('UPDATE stack SET home_id = ?').bind(old).run();
    expect(await page(first)).not.toContain('/delete-source"');
    expect(await page(first)).toContain('the stack itself, which has come back');
    expect(await page(first)).not.toContain('kept, stopped');
    const refused = await call('DELETE', `/api/v1/stacks/shop/migrate/${first}/source`, { token });
    expect(refused.body.code).toBe('migration_superseded');
  });

  it('is open again once the next one was rolled back', async () => {
    const { token, first, second } = await movedTwice();
    const shown = () => call('GET', `/api/v1/migrations/${first}`, { token });
    expect((await shown()).body).toMatchObject({
      superseded_by: second,
      home: { name: 'spare' },
      window: { open: false },
    });
    await env.DB.prepare(`UPDATE migration SET status = 'rolled_back' WHERE id = ?`).bind(second).run();
    expect((await shown()).body).toMatchObject({ superseded_by: null, window: { open: true } });
  });
});

describe('a migration that is being cancelled', () => {
  const cancelled: SagaFailure = {
    step: 'preparing',
    code: 'cancelled',
    message: 'Cancelled on request.',
    log_tail: [],
  };

  it('is in one state, told in one sentence, and is no failure', async () => {
    const { fresh, old, move, page } = await movedTwice();
    const saga = { cancel_requested: true, failure: cancelled };
    const html = await page(await move(old, fresh, 5, 'reverting', saga));
    expect(html).toContain('<span class="state warn">cancelling</span>');
    expect(html).toContain('Cancelling: what was begun is undone, and shop stays on old-server.');
    expect(html).not.toContain('Failed in');
    expect(html).not.toContain('The stack stays on its source');
  });

  it('has ended cancelled, without a failure', async () => {
    const { fresh, old, move, page } = await movedTwice();
    const html = await page(await move(old, fresh, 5, 'cancelled', { cancel_requested: true, failure: cancelled }));
    expect(html).toContain('Cancelled. shop kept running on old-server.');
    expect(html).not.toContain('Failed in');
  });

  it('was asked about first', async () => {
    const { fresh, old, move, page } = await movedTwice();
    const html = await page(await move(old, fresh, 5, 'preparing'));
    expect(html).toContain('<summary class="button plain">Cancel migration…</summary>');
    expect(html).toContain('what was made on new-server is removed');
  });
});

describe('a migration whose hosts are silent', () => {
  it('says which', async () => {
    const { fresh, old, move, page } = await movedTwice();
    const html = await page(await move(old, fresh, 5, 'transferring'));
    expect(html).toContain('<strong>old-server is offline</strong>');
    expect(html).toContain('<strong>new-server is offline</strong>');
  });
});

describe('a migration that needs attention', () => {
  it('cannot be overlooked: a badge on every page, and a state of its own in lists', async () => {
    const { fresh, spare, move, stackPage } = await movedTwice();
    expect(await stackPage()).not.toContain('class="badge"');
    const id = await move(spare, fresh, 5, 'needs_attention');
    const html = await stackPage();
    expect(html).toContain('class="badge" href="/ui/migrations?status=needs_attention"');
    expect(html).toContain(`<a href="/ui/migrations/${id}"><span class="state attention">needs attention</span></a>`);
    expect(html).not.toContain('>migrating<');
  });

  it('says its reason once in the event log', async () => {
    const { fresh, spare, move, page } = await movedTwice();
    const id = await move(spare, fresh, 5, 'needs_attention');
    const why = 'The host did not report in time.';
    await insertEvent(id, 'failure', {
      attention: true,
      message: why,
      why,
      source: 'stopped',
      todo: 'Look.',
      resolutions: [],
    });
    const log = (await page(id)).split('id="log"')[1]!;
    expect(log.split(why)).toHaveLength(2);
  });
});

describe('every page', () => {
  it('has a footer with the version and the way to the API', async () => {
    const html = (await (await movedTwice()).stackPage()).replaceAll(/\s+/g, ' ');
    expect(html).toMatch(/<footer class="foot"><span>Stackferry \d+\.\d+\.\d+/);
    expect(html).toContain('<a href="/api/v1/docs">API</a>');
    const docs = await (await request('/api/v1/docs')).text();
    expect(docs).toContain('<a href="/ui">Back to Stackferry</a>');
  });
});

describe('a migration with a deleted host', () => {
  it('calls the host by its name, and says that it was deleted', async () => {
    const { token, spare, second, page } = await movedTwice();
    expect((await call('DELETE', `/api/v1/hosts/${spare}`, { token })).status).toBe(204);
    const html = await page(second);
    expect(html).toContain('<h1>shop: new-server → spare</h1>');
    expect(html).toContain('spare was deleted from the fleet');
    expect(html).not.toContain('/rollback"');
    expect(html).not.toContain('<h1>shop: new-server → host_');
  });

  it('offers no second try to a destination that is gone', async () => {
    const { token, old, spare, move, page } = await movedTwice();
    const failed = await move(spare, old, 4, 'failed');
    expect(await page(failed)).toContain('Try again');
    await call('DELETE', `/api/v1/hosts/${old}`, { token });
    expect(await page(failed)).not.toContain('Try again');
  });
});
