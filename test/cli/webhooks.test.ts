import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../cli/local/start.ts';
import { start } from './stackferry.ts';

let dir: string;
let plane: ControlPlane;
let receiver: Server;
let url: string;
let env: NodeJS.ProcessEnv;
/** Paths that were posted to. */
const received: string[] = [];
const bodies: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stackferry-webhooks-'));
  plane = await startControlPlane({ dataDir: dir, host: '127.0.0.1', port: 0, vars: { DEVELOPMENT: 'true' } });
  receiver = createServer(async (request, response) => {
    received.push(request.url ?? '');
    bodies.push(await text(request));
    response.writeHead(request.url === '/takes' ? 204 : 500).end();
  });
  await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  env = { PATH: process.env.PATH, STACKFERRY_URL: plane.url, STACKFERRY_TOKEN: plane.adminToken ?? '' };
}, 60_000);
afterAll(async () => {
  receiver?.close();
  await plane?.close();
  await rm(dir, { recursive: true, force: true });
});

const bound = { timeout: 60_000 };
const run = (...args: string[]) => start(['webhooks', ...args], { env }).ended;

test('a webhook is registered, its secret shown once, and listed without it', bound, async () => {
  const created = await run('create', `${url}/takes`, '--json');
  expect(JSON.parse(created.out)).toMatchObject({
    url: `${url}/takes`,
    events: null,
    secret: expect.stringMatching(/^whsec_/),
  });
  const some = await run('create', `${url}/fails`, '--event', 'migration.failed');
  expect(some.out).toMatch(/secret +whsec_/);
  const listed = await run();
  expect(listed.out).toContain(`${url}/takes`);
  expect(listed.out).not.toContain('whsec_');
});

test('a test says what the receiver answered: 0 where it took it, 1 where it did not', bound, async () => {
  const taken = await run('test', `${url}/takes`);
  expect([taken.code, taken.err]).toEqual([0, '']);
  expect(taken.out).toMatch(/webhook\.test +delivered +1 +204 in/);
  const failed = await run('test', `${url}/fails`);
  expect(failed.code).toBe(1);
  expect(failed.out).toMatch(/webhook\.test +pending +1 +.*500/);
  expect(received).toEqual(['/takes', '/fails']);
});

test('an event is sent again by its id, and its delivery tells of both tries', bound, async () => {
  const listed = JSON.parse((await run('deliveries', `${url}/takes`, '--json')).out) as { event_id: string }[];
  expect(listed.length).toBe(1);
  expect((await run('replay', `${url}/takes`, listed[0]!.event_id)).code).toBe(0);
  // The one that failed is tried again meanwhile.
  const taken = () => received.filter((path) => path === '/takes').length;
  await expect.poll(taken, { timeout: 20_000 }).toBe(2);
});

test('its secret is changed: the one before signs as well for as long as is said, or no more', bound, async () => {
  for (const overlap of ['0', '86400']) {
    const rotated = await run('rotate', `${url}/takes`, '--overlap', overlap);
    expect([rotated.code, rotated.out]).toEqual([0, expect.stringMatching(/secret +whsec_/)]);
  }
  expect((await run('rotate', `${url}/takes`, '--overlap', '604801')).err).toContain('A number from 0 to 604800.');
});

test('a disabled webhook is refused by code, with the command that enables it', bound, async () => {
  expect((await run('disable', `${url}/fails`)).code).toBe(0);
  const refused = await run('test', `${url}/fails`);
  expect([refused.code, refused.out]).toEqual([4, '']);
  expect(refused.err).toContain('(webhook_disabled)');
  expect(refused.err).toContain('stackferry webhooks enable');
  expect((await run('enable', `${url}/fails`)).out).toContain('is enabled');
});

test('a name that fits several is refused, and a delete needs a go', bound, async () => {
  expect((await run('test', 'whk_')).err).toContain('(ambiguous)');
  expect((await run('delete', `${url}/fails`)).err).toContain('(confirmation_needed)');
  expect((await run('delete', `${url}/fails`, '--yes')).code).toBe(0);
  expect((await run('test', `${url}/fails`)).code).toBe(5);
});

describe('webhooks of kinds for people', () => {
  const piped = (input: string, ...args: string[]) => start(['webhooks', 'create', ...args], { env, input }).ended;

  test('one is registered without a secret, its URL hidden, and found by that URL', bound, async () => {
    const made = await run('create', `${url}/services/hidden`, '--kind', 'slack');
    expect([made.code, made.err]).toEqual([0, '']);
    expect(made.out).toMatch(/kind +slack/);
    expect(made.out).not.toMatch(/whsec_|hidden/);
    expect((await run()).out).toMatch(/services\/\*\*\* +slack +enabled/);
    await run('test', `${url}/services/hidden`);
    expect(received.at(-1)).toBe('/services/hidden');
    expect(JSON.parse(bodies.at(-1)!)).toMatchObject({ text: expect.stringContaining('This is a test') });
  });

  test('its token is piped in, and an email has a sender and recipients', bound, async () => {
    const mail = ['--kind', 'email', '--token-stdin', '--from', 'Ferry <f@example.com>', '--to', 'a@example.com'];
    const made = await piped('re_key1\n', `${url}/takes`, ...mail, '--json');
    expect(JSON.parse(made.out)).toMatchObject({
      ...{ kind: 'email', secret: null, email: { from: 'Ferry <f@example.com>', to: ['a@example.com'] } },
    });
    expect((await run('test', JSON.parse(made.out).id)).code).toBe(0);
    expect(JSON.parse(bodies.at(-1)!)).toMatchObject({ subject: 'Test of Stackferry', to: ['a@example.com'] });
  });

  test('bad input is refused with what to do', bound, async () => {
    const wrong = [
      [['--kind', 'teams'], 'Allowed choices are standard, slack,'],
      [['--kind', 'email', '--token-stdin'], 'Add --from ADDRESS --to ADDRESS.'],
      [['--to', 'a@example.com'], '--from and --to are only for --kind email.'],
      [['--kind', 'slack', '--token-stdin'], 'A webhook of the kind slack has no token.'],
      [['--kind', 'gotify', '--token-stdin'], 'It is the token of an application.'],
      [['--kind', 'gotify'], 'Pipe it in: … --token-stdin'],
      [['--kind', 'ntfy'], 'Give the address of a topic'],
    ] as const;
    for (const [args, said] of wrong) {
      const refused = await piped('', `${url}/a/b`, ...args);
      expect([refused.code === 0, refused.out]).toEqual([false, '']);
      expect(refused.err).toContain(said);
    }
  });
});
