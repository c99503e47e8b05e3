import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestControlPlane, testControlPlane } from '../support/control-plane.ts';
import { start } from './stackferry.ts';

let plane: TestControlPlane;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  plane = await testControlPlane();
  env = { PATH: process.env.PATH, STACKFERRY_URL: plane.url, STACKFERRY_TOKEN: plane.adminToken };
}, 60_000);
afterAll(() => plane?.close());

const bound = { timeout: 90_000 };
const run = (args: string[], token?: string) =>
  start(args, { env: token === undefined ? env : { ...env, STACKFERRY_TOKEN: token } }).ended;

test('a token is created, used, seen in the list, and revoked', bound, async () => {
  const made = await run(['tokens', 'create', 'ci', '--scope', 'migrate', '--expires-in', '30d', '--json']);
  const { id, token, expires_at } = JSON.parse(made.out);
  expect(Date.parse(expires_at) - Date.now()).toBeGreaterThan(29 * 86_400_000);

  const who = await run(['whoami'], token);
  expect(who.out).toMatch(/token +ci\n/);
  expect(who.out).toMatch(/scopes +migrate\n/);
  expect(who.out).toContain(plane.url);
  expect(JSON.parse((await run(['whoami', '--json'], token)).out)).toMatchObject({
    ...{ url: plane.url, profile: null, token: { id, name: 'ci', scopes: ['migrate'], expires_at } },
  });

  const listed = await run(['tokens']);
  expect(listed.out).toMatch(/ci +migrate +active/);
  expect(listed.out).not.toContain(token);
  const forbidden = await run(['tokens'], token);
  expect([forbidden.code, forbidden.out]).toEqual([6, '']);
  expect(forbidden.err).toContain('(forbidden)');

  expect((await run(['tokens', 'revoke', 'ci'])).err).toContain('(confirmation_needed)');
  expect((await run(['tokens', 'revoke', 'ci', '--yes'])).out).toBe('"ci" is revoked.\n');
  expect((await run(['whoami'], token)).err).toContain('(unauthorized)');
  expect((await run(['tokens'])).out).not.toMatch(/^ci /m);
  expect((await run(['tokens', '--all'])).out).toMatch(/ci +migrate +revoked/);
  const shown = await run(['tokens', 'create', 'people', '--scope', 'read']);
  expect(shown.out).toMatch(/secret +sfy_\w+/);
});

test('the audit is filtered by who and by what, as table and as JSON', bound, async () => {
  await run(['join', 'rack-1', '--json']);
  const all = JSON.parse((await run(['audit', '--json'])).out) as { act: string; actor: { name: string } }[];
  expect(all.length).toBeGreaterThan(1);
  const one = await run(['audit', '--act', 'POST /hosts']);
  expect(one.out).toMatch(/first admin token +POST \/hosts +201/);
  expect(one.out.trimEnd().split('\n')).toHaveLength(2);
  const mine = JSON.parse((await run(['audit', '--actor', 'first admin token', '--limit', '1', '--json'])).out);
  expect(mine).toHaveLength(1);
  expect((await run(['audit', '--actor', 'tok_00000000000000000000000000'])).out).toBe('No entries match.\n');
});

test('the audit is filtered by time, kind, host and stack, and exported whole', bound, async () => {
  await run(['join', 'rack-2', '--json']);
  await run(['join', 'relay-2', '--relay', '--json']);
  const acts = async (...filters: string[]) =>
    (JSON.parse((await run(['audit', '--json', '--limit', '100', ...filters])).out) as { act: string }[]).map(
      ({ act }) => act,
    );
  expect(await acts('--kind', 'relays')).toEqual(['POST /api/v1/relays']);
  expect(await acts('--host', 'rack-2')).toEqual(['POST /api/v1/hosts']);
  expect(await acts('--stack', 'shop')).toEqual([]);
  expect(await acts('--since', '1h', '--kind', 'relays')).toHaveLength(1);
  expect(await acts('--until', '1h')).toEqual([]);
  expect(await acts('--since', '2100-01-01T00:00Z')).toEqual([]);
  const csv = (await run(['audit', '--export', 'csv', '--kind', 'relays'])).out.trimEnd().split('\n');
  expect(csv).toEqual([expect.stringMatching(/^id,at,/), expect.stringContaining('POST /api/v1/relays')]);
  const all = (await run(['audit', '--export', 'ndjson', '--limit', '1'])).out.trimEnd().split('\n');
  expect(all.length).toBeGreaterThan(2);
  for (const line of all) expect(JSON.parse(line)).toMatchObject({ act: expect.any(String) });
});

test('bad input is refused with what to do', bound, async () => {
  await run(['tokens', 'create', 'twin', '--scope', 'read']);
  await run(['tokens', 'create', 'twin', '--scope', 'read']);
  const wrong = [
    [['tokens', 'create', 'x'], 2, "required option '--scope <scope...>'"],
    [['tokens', 'create', 'x', '--scope', 'root'], 2, 'Allowed choices are read, migrate, admin'],
    [['tokens', 'create', 'x', '--scope', 'read', '--expires-in', '1y'], 2, 'A time like 90m, 12h or 30d'],
    [['tokens', 'revoke', 'nobody', '--yes'], 5, 'stackferry tokens'],
    [['tokens', 'revoke', 'twin', '--yes'], 2, '(ambiguous)'],
    [['tokens', 'revoke', 'first admin token', '--yes'], 4, '(last_admin_token)'],
    [['audit', '--actor', 'nobody'], 5, '(not_found)'],
    [['audit', '--limit', '0'], 2, 'A number from 1'],
    [['audit', '--since', 'yesterday'], 2, 'A time with its zone'],
    [['audit', '--kind', 'weather'], 2, 'Allowed choices are hosts'],
    [['audit', '--host', 'nowhere'], 5, 'stackferry hosts'],
    [['tokens', 'restore', 'nobody'], 5, 'has logged in'],
  ] as const;
  for (const [args, code, said] of wrong) {
    const refused = await run([...args]);
    expect({ args, code: refused.code, out: refused.out }).toEqual({ args, code, out: '' });
    expect(refused.err.replace(/\s+/g, ' ')).toContain(said);
  }
});
