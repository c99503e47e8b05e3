import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { type MigrationView, progressView } from '../../schema/api/migrations.ts';
import type { Status } from '../../schema/migration-status.ts';
import { type Report, report } from '../../schema/preflight-report.ts';
import type { Saga, SagaFailure } from '../../schema/saga.ts';
import { Progress } from '../../worker/ui/parts/progress.tsx';
import { PlanView } from '../../worker/ui/parts/report.tsx';
import { RoomNeeded } from '../../worker/ui/parts/room-needed.tsx';
import { storyAt } from '../saga/story.ts';
import { call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { insertMigration, insertStack, windowEndingAt } from './support/records.ts';
import { logIn, request } from './support/ui.ts';

const flat = (html: unknown) => String(html).replaceAll(/\s+/g, ' ');

/** `shop` on its way from old to fresh. */
async function visit(status: Status, saga: Partial<Saga> = {}) {
  const token = await tokenWith(['admin']);
  const [old, fresh] = await Promise.all(
    ['old-server', 'new-server'].map(async (name) => (await createNode(token, 'host', name)).id),
  );
  const stack = { stack_id: await insertStack('shop', old!), stack_name: 'shop' };
  const id = await insertMigration({ ...stack, source_host_id: old!, target_host_id: fresh!, status, saga });
  const cookie = await logIn(token);
  const get = (path = '') => request(`/ui/migrations/${id}${path}`, { headers: { cookie, accept: 'text/html' } });
  const view = async () => (await call('GET', `/api/v1/migrations/${id}`, { token })).body as MigrationView;
  return { id, old: old!, fresh: fresh!, get, view, page: async () => flat(await (await get()).text()) };
}

const gaveUp: SagaFailure = {
  ...{ step: 'verifying', code: 'given_up', log_tail: [] },
  message: 'Given up by decision. The copy on the source: unknown. The copy on the target: stopped.',
};
const clock = { started_at: 1, ended_at: 2 };

describe('a migration that was given up', () => {
  it('says neither that the stack runs again, nor for how long it was down', async () => {
    const { page, view } = await visit('failed', { failure: gaveUp, steps: { stopping: clock, verifying: clock } });
    const html = await page();
    expect(html).toContain(
      'Given up by decision: both copies of shop were left as they were. Make sure that exactly one runs.',
    );
    expect(html).toContain('The copy on the target: stopped.');
    expect(html).not.toContain('was started again');
    expect(html).not.toContain('shop is now on');
    expect(html).not.toContain('Failed in');
    expect((await view()).downtime).toBeNull();
  });
});

describe('a host that is not heard', () => {
  const attention = {
    ...{ why: 'The source host is unreachable, so its state is unknown.', source: 'unknown', target: 'stopped' },
    ...{ todo: 'Bring the source host and its agent back.', resolutions: [] },
  };

  it('is called by its name where the saga knows only its role', async () => {
    const { page, view } = await visit('needs_attention', { attention });
    const html = await page();
    expect(html).toContain('<strong>old-server is unreachable, so its state is unknown.</strong>');
    expect(html).toContain('Bring old-server and its agent back.');
    expect((await view()).attention).toMatchObject({ todo: 'Bring old-server and its agent back.' });
  });

  it('is called by its name in a failure too', async () => {
    const message = "The target host's agent was unreachable for too long.";
    const failure: SagaFailure = { step: 'verifying', code: 'agent_lost', log_tail: [], message };
    const lost = await visit('failed', { failure });
    expect(flat(await lost.page())).toContain('new-server&#39;s agent was unreachable for too long.');
  });

  it('is waited for; that anything is undone is not said where nothing will be', async () => {
    expect(await (await visit('needs_attention', { attention })).page()).not.toContain('what was begun is undone');
  });

  it('is waited for in a step, and then what was begun is undone', async () => {
    expect(await (await visit('transferring')).page()).toContain('if it does not, what was begun is undone.');
  });
});

describe('a migration that failed', () => {
  it('is tried again with everything it was asked for', async () => {
    const { id, old, fresh, page } = await visit('failed');
    const inputs = {
      ...{ stack_id: 's', source_host_id: old, target_host_id: fresh, sizing: 'stack', mode: 'pre-copy' },
      ...{ binds: ['/srv/media'], exclude: ['/srv/media/cache'], with_external: true, env: ['HOME=/home/ann'] },
    };
    const made = report.parse({ passed: true, checks: [], notes: [], plan: null, needs: null, inputs, made_at: 0 });
    await env.DB.prepare(`UPDATE migration SET report = ?1, bandwidth_limit = 2000000, mode = 'pre-copy' WHERE id = ?2`)
      .bind(JSON.stringify(made), id)
      .run();
    await env.DB.prepare(`UPDATE migration SET sizing = 'stack' WHERE id = ?1`).bind(id).run();
    const href = /href="([^"]+)"[^>]*>Try again/.exec(await page())?.[1]?.replaceAll('&amp;', '&') ?? '';
    const query = new URL(href, 'http://ui').searchParams;
    expect(Object.fromEntries(query)).toEqual({
      ...{ target: fresh, from: old, mode: 'pre-copy', sizing: 'stack', bandwidth_limit: '2000000' },
      ...{ with_external: 'on', env: 'HOME=/home/ann', bind: '/srv/media', exclude: '/srv/media/cache' },
    });
  });
});

describe('a completed migration', () => {
  const { plan, results, steps } = structuredClone(storyAt('completed').saga);
  const completed = () => visit('completed', { plan, results, steps, window: windowEndingAt(Date.now() + 3_600_000) });

  it('has a receipt: what was sent, compared and equal, both hosts and times; as JSON too', async () => {
    const { get, page } = await completed();
    const html = await page();
    const receipt = html.slice(html.indexOf('id="receipt"'), html.indexOf('id="log"'));
    for (const words of ['old-server', 'new-server', 'both sides were read back and are equal', 'shop_data', 'Digest'])
      expect(receipt).toContain(words);
    const json = await (await get('/receipt.json')).json<{ receipt: { equal: boolean; items: object[] } }>();
    expect(json).toMatchObject({ stack: { name: 'shop' }, source_host: { name: 'old-server' } });
    expect(json.receipt.equal).toBe(true);
    expect(json.receipt.items[0]).toMatchObject({ item: 'shop_data', equal: true });
    // A page that was open all the while gets it too.
    expect(html).toMatch(/id="proof" data-live/);
  });

  it('has a plain button to roll back, and a red one to delete', async () => {
    const { page, fresh } = await completed();
    await env.DB.prepare('UPDATE stack SET home_id = ?1').bind(fresh).run();
    const html = await page();
    expect(html).toContain('<summary class="button plain">Roll back…</summary>');
    expect(html).toContain('<summary class="button danger">Delete source…</summary>');
  });

  it('says with which token it was started', async () => {
    const { id, page } = await completed();
    await env.DB.prepare('UPDATE migration SET requested_by = (SELECT id FROM api_token LIMIT 1) WHERE id = ?1')
      .bind(id)
      .run();
    expect(await page()).toMatch(/<dt>Started with<\/dt> ?<dd>token [^<]+<\/dd>/);
  });
});

describe('the progress of a transfer', () => {
  const shown = (more: object) =>
    flat(
      Progress({
        migration: {
          progress: progressView.parse({
            ...{ current: 'shop_data', bytes_done: 42, bytes_total: 100, seconds_left: 21 },
            ...{ rate: 1_048_576, history: [0, 500_000, 1_048_576], items: [], ...more },
          }),
        } as MigrationView,
      }),
    );

  it('is a large number, a chart of the rate, and a rate of now', () => {
    expect(shown({})).toMatch(/class="percent"[^>]*>42<span class="unit">%/);
    expect(shown({})).toContain('<polyline');
    expect(shown({})).toContain('up to 1.0 MiB/s');
    expect(shown({})).toContain('1.0 MiB/s, 0:21 left');
    expect(shown({ rate: 0, seconds_left: null })).toContain('>no data is arriving<');
  });
});

describe('the report of a pre-flight', () => {
  const inputs = { stack_id: 's', source_host_id: 'a', target_host_id: 'b', sizing: 'host', mode: 'stop-copy' };
  const needs = { memory_bytes: 1_073_741_824, disk_bytes: 2_147_483_648 };
  const made = report.parse({ passed: true, checks: [], notes: [], plan: null, needs, inputs, made_at: 0 });

  it('shows the room for the stack and for the host, and asks for the other at one click', () => {
    const hostNeeds = { memory_bytes: 8_589_934_592, disk_bytes: 17_179_869_184 };
    const fields: [string, string][] = [['sizing', 'host']];
    const html = flat(RoomNeeded({ report: made, hostNeeds, fields, action: '/review' }));
    expect(html).toMatch(/Room, this stack<\/dt> ?<dd>[\d.]+ GiB of memory, [\d.]+ GiB of disk</);
    expect(html).toContain('8.0 GiB of memory, 16.0 GiB of disk: asked for here');
    expect(html).toContain('<input type="hidden" name="sizing" value="stack"/>');
    expect(html).toContain('Ask for room for this stack alone');
  });

  it('estimates with the limit, shown as it was given, and says where each number comes from', () => {
    const plan: NonNullable<Report['plan']> = {
      ...{ items: [], total_bytes: 100_000_000, total_is_lower_bound: false },
      expected: [{ mode: 'stop-copy', transfer_s: 50, downtime_s: 55 }],
      ...{ assumed_rate: 2_000_000, rate_measured: false, rate_limited: true },
      ...{ stop_start_s: 5, stop_start_measured: true, unmoved_layers: [] },
      ports: [{ service: 'web', port: 33_987, protocol: 'tcp' }],
      address_change: { from_host: 'A', to_host: 'B' },
    };
    const html = flat(PlanView({ plan, mode: 'stop-copy' }));
    expect(html).toContain('about 50 s at 2 MB/s, your limit');
    expect(html).toContain('5 s of it to stop and start, as the last time');
    expect(html).toContain('After the move, point clients and DNS at B (web, port 33987)');
    expect(flat(PlanView({ plan: { ...plan, rate_limited: false }, mode: 'stop-copy' }))).toContain('a guess: nothing');
  });
});

describe('every time on a page', () => {
  it('is in the reader’s zone, with the zone on hover', async () => {
    const ends = Date.now() + 3_600_000;
    const forwarding: Saga['forwarding'] = { phase: 'forwarding', proxied: [], ended_at: null, last_per_minute: null };
    const { page } = await visit('completed', { forwarding, window: windowEndingAt(ends) });
    const until = new Date(ends).toISOString();
    expect(await page()).toMatch(new RegExp(`<dt>Until</dt> ?<dd>\\s*<time datetime="${until}" data-moment`));
    // Without scripts they are in UTC; none stands outside a `<time>`, which scripts set.
    expect((await page()).replaceAll(/<time[^>]*>[^<]*<\/time>/g, '')).not.toMatch(/\d\d:\d\d UTC/);
  });
});
