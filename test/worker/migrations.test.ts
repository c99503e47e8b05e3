import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Status } from '../../schema/migration-status.ts';
import { app } from '../../worker/app.ts';
import worker from '../../worker/index.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertEvent, insertMigration, insertStack } from './support/records.ts';

async function history() {
  const token = await tokenWith(['admin']);
  const a = (await createNode(token, 'host', 'a')).id;
  const b = (await createNode(token, 'host', 'b')).id;
  const shop = { stack_id: await insertStack('shop', a), stack_name: 'shop' };
  const blog = { stack_id: await insertStack('blog', b), stack_name: 'blog' };
  const past = Date.now() - 60_000;
  const add = (stack: typeof shop, from: string, to: string, status: Status, nth: number) =>
    insertMigration({ ...stack, source_host_id: from, target_host_id: to, status, created_at: past + nth });
  const first = await add(shop, a, b, 'completed', 1);
  const second = await add(shop, b, a, 'failed', 2);
  const third = await add(blog, b, a, 'cancelled', 3);
  return { token, a, b, shop, first, second, third };
}
const idsOf = ({ body }: Awaited<ReturnType<typeof call>>) => body.items.map(({ id }: { id: string }) => id);

describe('migrations', () => {
  it('are listed newest first, filtered by stack, host and status, in pages', async () => {
    const { token, a, first, second, third } = await history();
    const list = (query: string) => call('GET', `/api/v1/migrations?${query}`, { token });
    expect(idsOf(await list(''))).toEqual([third, second, first]);
    expect(idsOf(await list('stack=shop'))).toEqual([second, first]);
    expect(idsOf(await list(`host=${a}&status=completed`))).toEqual([first]);
    const page = await list('limit=2');
    expect(idsOf(page)).toEqual([third, second]);
    expect(idsOf(await list(`limit=2&cursor=${page.body.next_cursor}`))).toEqual([first]);
  });

  it('B17: SQL in a filter stays text', async () => {
    const { token } = await history();
    const answer = await call('GET', `/api/v1/migrations?stack=${encodeURIComponent("x' OR '1'='1")}`, { token });
    expect(answer).toMatchObject({ status: 200, body: { items: [], next_cursor: null } });
    const status = await call('GET', `/api/v1/migrations?status=${encodeURIComponent("failed' --")}`, { token });
    expect(status.status).toBe(422);
    const cursor = btoa(JSON.stringify(["mig_' OR 1=1 --"]));
    expect((await call('GET', `/api/v1/migrations?cursor=${cursor}`, { token })).status).toBe(200);
    expect(await env.DB.prepare('SELECT count(*) AS n FROM migration').first()).toEqual({ n: 3 });
  });

  it('are shown by id, and by stack and id', async () => {
    const { token, first } = await history();
    const shown = await call('GET', `/api/v1/migrations/${first}`, { token });
    expect(shown.body).toMatchObject({
      id: first,
      status: 'completed',
      progress: null,
      owed: [],
      stack: { name: 'shop' },
    });
    expect((await call('GET', `/api/v1/stacks/shop/migrate/${first}`, { token })).body).toEqual(shown.body);
    expect((await call('GET', `/api/v1/stacks/blog/migrate/${first}`, { token })).status).toBe(404);
    const unknown = '/api/v1/migrations/mig_01m84szym4tvg03p2mz6y2f9wb';
    for (const [method, path] of [
      ['GET', unknown],
      ['GET', `${unknown}/events`],
      ['POST', `${unknown}/cancel`],
    ] as const)
      expect((await call(method, path, { token })).status).toBe(404);
  });

  it('one that has ended cannot be cancelled', async () => {
    const { token, first } = await history();
    const answer = await call('POST', `/api/v1/migrations/${first}/cancel`, { token });
    expect(answer).toMatchObject({ status: 409, body: { code: 'migration_ended' } });
  });

  it('one that is on its way is cancelled', async () => {
    const { token, a, b, shop } = await history();
    const id = await insertMigration({ ...shop, source_host_id: a, target_host_id: b, status: 'preflight' });
    const answer = await call('POST', `/api/v1/migrations/${id}/cancel`, { token });
    expect(answer).toMatchObject({ status: 202, body: { id, status: 'cancelled' } });
  });
});

describe('following a migration', () => {
  const follow = async (id: string, token: string, lastEventId?: string) =>
    app.request(
      `http://stackferry.test/api/v1/migrations/${id}/events`,
      {
        headers: {
          authorization: `Bearer ${token}`,
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        },
      },
      bindings,
    );
  const eventsIn = (text: string) =>
    text.split('\n\n').flatMap((frame) => {
      const lines = new Map(
        frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      const data = lines.get('data');
      return data ? [{ id: lines.get('id'), event: lines.get('event'), data: JSON.parse(data) }] : [];
    });

  it('gives every event with its id and ends with the migration', async () => {
    const { token, first } = await history();
    await insertEvent(first, 'status', { to: 'preflight' });
    await insertEvent(first, 'status', { from: 'preflight', to: 'completed' });
    const response = await follow(first, token);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = eventsIn(await response.text());
    expect(events.map(({ event }) => event)).toEqual(['status', 'status']);
    expect(events[0]).toMatchObject({
      id: expect.stringMatching(/^\d+-\d+$/),
      data: { to: 'preflight', at: expect.any(String) },
    });

    const rest = await follow(first, token, events[0]!.id);
    expect(eventsIn(await rest.text()).map(({ id }) => id)).toEqual([events[1]!.id]);
    expect((await follow(first, token, events[1]!.id)).status).toBe(204);
  });

  it('goes on while the migration does', async () => {
    const { token, a, b, shop } = await history();
    const id = await insertMigration({ ...shop, source_host_id: a, target_host_id: b, status: 'stopping' });
    await insertEvent(id, 'status', { to: 'stopping' });
    const reader = (await follow(id, token)).body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const until = async (part: string) => {
      while (!text.includes(part)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`ended without ${part}: ${text}`);
        text += value;
      }
    };
    await until('"stopping"');
    await insertEvent(id, 'notice', { message: 'still at it' });
    await until('still at it');
    await env.DB.prepare("UPDATE migration SET status = 'failed' WHERE id = ?").bind(id).run();
    for (let done = false; !done; ) ({ done } = await reader.read());
  });

  it('B8: a Last-Event-ID that is no number is refused', async () => {
    const { token, first } = await history();
    expect((await follow(first, token, 'x; DROP TABLE')).status).toBe(422);
  });
});

describe('cron', () => {
  const tick = async (at: number) => {
    const ctx = createExecutionContext();
    worker.scheduled(createScheduledController({ scheduledTime: at }), bindings, ctx);
    await waitOnExecutionContext(ctx);
  };

  it('F4: the sweep wakes a migration whose alarm was given up, which then meets its deadline', async () => {
    const { token, a, b, shop } = await history();
    const id = await insertMigration({
      ...shop,
      source_host_id: a,
      target_host_id: b,
      status: 'preflight',
      created_at: Date.now() - 7_200_000,
    });
    const stub = env.STACK_MIGRATION.get(env.STACK_MIGRATION.idFromName(shop.stack_id));
    const { runInDurableObject } = await import('cloudflare:test');
    await runInDurableObject(stub, (_, state) => state.storage.put('stack_id', shop.stack_id));
    await tick(Date.now());
    const shown = await call('GET', `/api/v1/migrations/${id}`, { token });
    expect(shown.body.status).toBe('failed');
  });

  it('forgets one-time ids when they have expired', async () => {
    const hour = 3_600_000 * 500_000;
    const add = (jti: string, at: number) => env.DB.prepare('INSERT INTO seen_token VALUES (?, ?)').bind(jti, at).run();
    await add('old', hour - 1);
    await add('young', hour + 1);
    await tick(hour);
    const { results } = await env.DB.prepare('SELECT jti FROM seen_token').all();
    expect(results).toEqual([{ jti: 'young' }]);
  });
});
