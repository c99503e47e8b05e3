import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Status } from '../../schema/migration-status.ts';
import { start } from './stackferry.ts';

/** What a control plane can say that tests cannot bring about in a minute, or that a good one never says. */
const id = 'mig_00000000000000000000000000';
const host = 'host_00000000000000000000000000';
const time = '2026-01-01T00:00:00.000Z';
const later = '2026-01-01T00:01:00.000Z';
const evil = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202ereversed\nline two';

const migration = (status: Status): MigrationView => ({
  id,
  stack: { id: 'stack_00000000000000000000000000', name: 'app' },
  source_host_id: host,
  target_host_id: host,
  ...{ source_host: null, target_host: null, home: null, superseded_by: null, requested_by: null, drain_id: null },
  mode: 'stop-copy',
  verify: 'manifest',
  sizing: 'host',
  bandwidth_limit: null,
  status,
  cancel_requested: false,
  steps: [{ name: 'preflight', status: 'done', started_at: time, ended_at: time }],
  hold: null,
  names: [],
  forwarding: null,
  progress: null,
  report: null,
  left_out: [],
  failure: { step: 'transferring', code: 'agent_lost', message: evil, log_tail: [evil] },
  owed: [{ host_id: host, what: 'start the stack again as it was' }],
  attention:
    status === 'needs_attention'
      ? {
          ...{ why: 'gone', source: 'unknown', target: 'stopped', todo: evil },
          resolutions: [{ resolution: 'give_up', consequence: evil }],
        }
      : null,
  receipt: null,
  downtime: null,
  window: null,
  rollback: null,
  created_at: time,
  updated_at: status === 'reverting' ? time : later,
  ended_at: null,
});

let server: Server;
let env: NodeJS.ProcessEnv;
let connects: (string | undefined)[];
let views: object[];
let stream: (response: ServerResponse) => void;

beforeAll(async () => {
  server = createServer((request, response) => {
    const json = (body: unknown) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(body));
    };
    if (request.url?.startsWith('/api/v1/hosts')) return json({ items: [], next_cursor: null });
    if (!request.url?.endsWith('/events')) return json(views.length > 1 ? views.shift() : views[0]);
    connects.push(request.headers['last-event-id'] as string | undefined);
    response.setHeader('content-type', 'text/event-stream');
    stream(response);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  env = { PATH: process.env.PATH, STACKFERRY_URL: url, STACKFERRY_TOKEN: 'sfy_any' };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const status = (number: number, to: string, at: string) =>
  `id: ${number}\nevent: status\ndata: ${JSON.stringify({ to, at })}\n\n`;

test('F12 F35 a watched migration that comes to need attention is left with 8, and what to do is said', async () => {
  connects = [];
  views = [migration('reverting'), migration('needs_attention')];
  // The first stream breaks: the second is asked for from the last event on.
  stream = (response) => {
    if (connects.length > 1) return void response.write(status(8, 'needs_attention', later));
    response.write(status(7, 'reverting', time));
    setTimeout(() => response.destroy(), 200);
  };
  const { code, out, err } = await start(['show', id, '--watch'], { env }).ended;
  expect({ code, err }).toEqual({ code: 8, err: '' });
  expect(connects).toEqual([undefined, '7']);
  expect(out).toMatch(/to do +reversed line two/);
  expect(out).toContain(`stackferry retry ${id}`);
});

test('C8: a watched migration whose last event a restore has undone is watched on, and that is said', async () => {
  connects = [];
  views = [migration('reverting'), migration('needs_attention')];
  const reset = { message: 'The control plane was restored.', at: later };
  stream = (response) => {
    if (connects.length > 1) {
      response.write(`id: 0\nevent: reset\ndata: ${JSON.stringify(reset)}\n\n`);
      return void response.write(status(5, 'needs_attention', later));
    }
    response.write(status(7, 'reverting', time));
    setTimeout(() => response.destroy(), 200);
  };
  const { code, out } = await start(['show', id, '--watch'], { env }).ended;
  expect(code).toBe(8);
  expect(connects).toEqual([undefined, '7']);
  expect(out).toContain('The control plane was restored.');
});

test('what comes from hosts cannot drive the terminal, neither as text nor as JSON', async () => {
  views = [migration('needs_attention')];
  const text = await start(['show', id], { env, terminal: true }).ended;
  expect(text.out).toContain('reversed line two');
  expect(text.out.replaceAll(/\u001b\[\d+m/g, '')).not.toMatch(/[\u001b\u0007\u0080-\u009f\u202e]/);
  const document = await start(['show', id, '--json'], { env }).ended;
  expect(JSON.parse(document.out).failure.message).toBe(evil);
  expect(document.out).not.toMatch(/[\u001b\u0007\u0080-\u009f\u202e]/);
});

test('an answer of another shape is named, and no stack trace is shown', async () => {
  views = [{ ...migration('completed'), steps: 'none' }];
  const { code, out, err } = await start(['show', id], { env }).ended;
  expect([code, out]).toEqual([1, '']);
  expect(err).toContain('does not understand (steps). (unreadable)');
  expect(err).not.toMatch(/\n\s+at /);
});
