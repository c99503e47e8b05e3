import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { apiClient } from '../../cli/api-client.ts';
import { freePort } from '../../cli/local/free-port.ts';
import { watchSilence } from '../../cli/watch-silence.ts';
import { host, idOf, time } from './nodes.ts';
import { start } from './stackferry.ts';

/** A control plane that answers what a test puts at each path. */
let server: Server;
let url: string;
let env: NodeJS.ProcessEnv;
let answers: Record<string, unknown>;

beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://control');
    const answer = answers[pathname.replace('/api/v1', '')] ?? [];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(Array.isArray(answer) ? { items: answer, next_cursor: null } : answer));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  env = { PATH: process.env.PATH, STACKFERRY_URL: url, STACKFERRY_TOKEN: 'sfy_any', LANG: 'C.UTF-8', TERM: 'xterm' };
});
afterAll(() => void server?.close());
beforeEach(() => {
  answers = { '/hosts': [host(1, 'old', 'online'), host(2, 'new', 'online')] };
});

const service = (name: string, running: number, more: object = {}) => ({
  ...{ name, image: 'app:1', running, total: 1, ...more },
});
const stack = (name: string, more: object = {}, services = [service('web', 1)]) => ({
  ...{ id: idOf('stack', name.length), name, host_id: idOf('host', 1), host_name: 'old', seen_at: time },
  summary: {
    ...{ project: name, plain: false, working_dir: `/srv/${name}`, config_files: [], services, volumes: [], ports: [] },
    ...{ bind_mounts: [], running: services.every(({ running }) => running > 0) },
  },
  ...{ active_migration_id: null, ...more },
});
const bound = { timeout: 60_000 };
const run = (...args: string[]) => start(args, { env }).ended;

test('each stack is listed as what it is', bound, async () => {
  const moving = { active_migration_id: idOf('mig', 1) };
  answers['/stacks'] = [
    stack('a', { ...moving, active_migration_status: 'needs_attention' }),
    stack('b', { ...moving, active_migration_status: 'transferring' }),
    stack('c', { host_online: false }),
    stack('d', {}, [service('web', 1), service('db', 0)]),
    stack('e', {}, [service('web', 0)]),
    stack('f'),
  ];
  const { out } = await run('stacks');
  const states = out.split('\n').flatMap((line) => /^([a-f]) +old +(.+?) {2}/.exec(line)?.slice(1, 3).join(' ') ?? []);
  expect(states).toEqual([
    ...['a needs attention', 'b migrating', 'c host offline', 'd partly running', 'e stopped', 'f running'],
  ]);
});

test('a job that has ended is finished, not stopped', bound, async () => {
  answers['/stacks/shop'] = stack('shop', {}, [service('web', 1), service('report', 0, { finished: 1 })]);
  expect((await run('stacks', 'show', 'shop')).out).toMatch(/^report +finished \(exit 0\)/m);
});

test('before a host is deleted, everything on it is named, and the window that closes with it', bound, async () => {
  answers['/stacks'] = [stack('blog'), stack('wiki', {}, [service('web', 0)])];
  const window = {
    ...{ completed_at: time, ends_at: new Date(Date.now() + 252_000_000).toISOString(), open: true },
    ...{ reminded_at: null, copy_running: false, source_purge: null, target_purge: null },
  };
  answers['/migrations'] = [
    {
      ...{ id: idOf('mig', 1), stack: { id: idOf('stack', 9), name: 'mail' }, status: 'completed', steps: [] },
      ...{ source_host_id: idOf('host', 1), target_host_id: idOf('host', 2), mode: 'stop-copy', verify: 'manifest' },
      target_host: { name: 'new', deleted_at: null },
      ...{ sizing: 'host', bandwidth_limit: null, progress: null, report: null, failure: null, owed: [], window },
      ...{ attention: null, rollback: null, created_at: time, updated_at: time, ended_at: time },
    },
  ];
  const asked = start(['hosts', 'delete', 'old'], { env, terminal: true });
  await vi.waitFor(() => expect(asked.out()).toContain('to confirm:'), { timeout: 30_000 });
  const question = asked.out().replaceAll(/\s+/g, ' ');
  expect(question).toContain('It still holds:');
  expect(question).toContain('- blog, running: it stays on the machine');
  expect(question).toContain('- wiki, not running:');
  expect(question).toMatch(
    /kept copy of mail, which moved to new and can be rolled back for 2 d \d+ h more: then no longer/,
  );
  asked.type('no\r');
  expect((await asked.ended).code).toBe(1);
  answers = { '/hosts': [host(1, 'old', 'online')] };
  const empty = start(['hosts', 'delete', 'old'], { env, terminal: true });
  await vi.waitFor(() => expect(empty.out()).toContain('It holds no stack and no kept copy.'), { timeout: 30_000 });
  empty.type('no\r');
  await empty.ended;
});

test(
  'while a migration is watched, a host that falls silent is named within seconds, and its return',
  bound,
  async () => {
    const hosts = { source_host_id: idOf('host', 1), target_host_id: idOf('host', 2) };
    const away = (status: string) => {
      answers[`/hosts/${hosts.source_host_id}`] = host(1, 'old-server', status);
    };
    answers[`/hosts/${hosts.target_host_id}`] = host(2, 'new-server', 'online');
    away('online');
    const told: string[] = [];
    const over = new AbortController();
    const watching = watchSilence(apiClient(url, 'sfy_any'), hosts, (line) => told.push(line), over.signal);
    away('offline');
    await vi.waitFor(() => expect(told).toHaveLength(1), { timeout: 10_000 });
    expect(told[0]).toMatch(
      /^old-server is offline, last heard .+ ago\. Stackferry waits for it; if it does not return, what was begun is undone where that is possible\.$/,
    );
    away('online');
    await vi.waitFor(() => expect(told).toHaveLength(2), { timeout: 10_000 });
    expect(told[1]).toBe('old-server is online again.');
    over.abort();
    await watching;
  },
);

test('https where plain http is spoken is told from a control plane that is down', bound, async () => {
  const { code, err } = await run('hosts', '--url', url.replace('http:', 'https:'));
  expect([code, err]).toEqual([9, expect.stringContaining('it does not speak TLS; is it http://')]);
  expect((await run('hosts', '--url', `http://127.0.0.1:${await freePort('127.0.0.1')}`)).err).toContain(
    'nothing listens there',
  );
});

test('a time for the cutover without a hold is refused in the words of the command line', bound, async () => {
  const { code, err } = await run('migrate', 'shop', '--to', 'new', '--at', '2999-01-01T00:00Z', '--yes');
  expect([code, err]).toEqual([2, expect.stringContaining('it needs --hold')]);
});
