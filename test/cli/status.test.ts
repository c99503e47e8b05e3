import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { host, idOf, time } from './nodes.ts';
import { start } from './stackferry.ts';

/** A control plane in a state that would take hours to bring about. */
let server: Server;
let env: NodeJS.ProcessEnv;
/** Migrations by status, and those that are due; hosts; drains by status. */
let state: { migrations: object[]; due: object[]; hosts: object[]; drains: object[] };

const named = (n: number) => ({ name: ['', 'old', 'new', 'spare'][n], deleted_at: null });
const migration = (n: number, name: string, status: string, [from, to]: [number, number], more: object = {}) => ({
  ...{ id: idOf('mig', n), stack: { id: idOf('stack', n), name }, source_host_id: idOf('host', from) },
  ...{ source_host: named(from), target_host: named(to) },
  ...{ target_host_id: idOf('host', to), mode: 'stop-copy', verify: 'manifest', sizing: 'host', status },
  ...{ bandwidth_limit: null, steps: [], progress: null, report: null, left_out: [], failure: null, owed: [] },
  ...{ attention: null, window: null, rollback: null, updated_at: time, ended_at: null },
  ...{ created_at: `2026-01-01T00:00:0${n}.000Z`, ...more },
});
const attention = { why: 'old does not answer.', source: 'unknown', target: 'stopped', todo: 'x', resolutions: [] };
const window = (open: boolean) => ({
  ...{ completed_at: time, ends_at: '2026-01-04T00:00:00.000Z', open, reminded_at: null, copy_running: false },
  ...{ source_purge: null, target_purge: null },
});

beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://control');
    const kind = pathname.split('/').at(-1) as 'migrations' | 'hosts' | 'drains';
    const all = searchParams.has('cleanup_due') ? state.due : state[kind];
    const wanted = searchParams.get('status');
    const items = all.filter((item) => wanted === null || (item as { status: string }).status === wanted);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ items, next_cursor: null }));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  env = { PATH: process.env.PATH, STACKFERRY_URL: url, STACKFERRY_TOKEN: 'sfy_any' };
});
afterAll(() => void server?.close());
beforeEach(() => {
  state = { migrations: [], due: [], drains: [], hosts: [host(1, 'old', 'online'), host(2, 'new', 'online')] };
});

const bound = { timeout: 60_000 };
const run = (...args: string[]) => start(args, { env }).ended;

test('a calm fleet is one line', bound, async () => {
  const { code, out } = await run('status');
  expect([code, out]).toEqual([0, 'Nothing needs attention. 2 hosts online.\n']);
});

test(
  'what needs attention comes first, then what moves, open windows, what is kept, offline hosts',
  bound,
  async () => {
    state.hosts.push(host(3, 'spare', 'offline'));
    state.migrations = [
      migration(1, 'shop', 'needs_attention', [1, 2], { attention }),
      migration(2, 'blog', 'transferring', [1, 2]),
      migration(3, 'mail', 'completed', [1, 2], { window: window(true) }),
      migration(4, 'wiki', 'completed', [1, 2], { window: window(true) }),
      migration(5, 'wiki', 'completed', [2, 3], { window: window(false) }),
      migration(6, 'done', 'completed', [1, 2], { window: { ...window(true), source_purge: purged } }),
    ];
    state.due = [migration(5, 'wiki', 'completed', [2, 3], { window: window(false) })];
    const { code, out } = await run('status');
    expect(code).toBe(0);
    expect(out.replace(/\d+ d [^\n]*ago|\d+ d ago/g, 'AGO')).toBe(
      [
        'Needs attention',
        '  shop, old -> new: old does not answer.',
        `    stackferry show ${idOf('mig', 1)}`,
        '',
        'Moving',
        '  blog, old -> new: transferring, began AGO',
        '',
        'Can be rolled back',
        '  mail, old -> new: until 2026-01-04 00:00 UTC',
        '',
        'Still kept on the source',
        `  wiki, new -> spare: stackferry purge ${idOf('mig', 5)}`,
        '',
        'Offline',
        '  spare: seen AGO',
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await run('status', '--json')).out);
    expect(
      Object.fromEntries(Object.entries<object[]>(json).map(([name, list]) => [name, list.length ?? list])),
    ).toEqual({
      ...{ needs_attention: 1, moving: 1, drains: 0, open_windows: 1, cleanup_due: 1, offline_hosts: 1 },
      online_hosts: 2,
    });
  },
);

const purged = { requested_at: time, done_at: time, remaining: [], left_out: [], host_deleted: false };

test('bad input and a control plane that is away are told apart', bound, async () => {
  expect(await run('status', 'now')).toMatchObject({ code: 2, out: '' });
  const away = await start(['status', '--json'], { env: { ...env, STACKFERRY_URL: 'http://127.0.0.1:9' } }).ended;
  expect([away.code, JSON.parse(away.err).code]).toEqual([9, 'unreachable']);
});
