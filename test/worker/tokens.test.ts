import { describe, expect, it } from 'vitest';
import type { Scope } from '../../schema/scopes.ts';
import { isWellFormedToken, newToken } from '../../worker/store/token-format.ts';
import { call, tokenWith } from './support/api.ts';
import { bindingsWith, countingDb, dump } from './support/databases.ts';

const path = '/api/v1/tokens';
const create = (token: string, body: object) => call('POST', path, { token, body });
const admin = () => tokenWith(['admin']);

describe('API tokens', () => {
  it('a created token is shown once, works, and is nowhere in the database', async () => {
    const made = await create(await admin(), { name: ' the CI ', scopes: ['migrate', 'read', 'read'] });
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'the CI', scopes: ['read', 'migrate'], status: 'active', expires_at: null, revoked_at: null },
    });
    expect(made.headers.get('location')).toBe(`${path}/${made.body.id}`);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const { token } = made.body;
    expect(isWellFormedToken('sfy', token)).toBe(true);
    expect((await call('GET', '/api/v1/hosts', { token })).status).toBe(200);
    expect(await dump()).not.toContain(token.slice(4, 40));
    expect(JSON.stringify((await call('GET', path, { token: await admin() })).body)).not.toContain(token.slice(4, 40));
  });

  it.each<Scope>(['read', 'migrate', 'admin'])(
    'one with the scope "%s" sees its own name, scopes and expiry',
    async (scope) => {
      const made = await create(await admin(), { name: 'mine', scopes: [scope], expires_in_s: 3600 });
      const { token, ...view } = made.body;
      const shown = await call('GET', `${path}/current`, { token });
      expect(shown).toMatchObject({
        status: 200,
        body: { ...view, last_used_at: expect.toBeOneOf([null, expect.any(String)]) },
      });
      expect(JSON.stringify(shown.body)).not.toContain(token);
      expect((await call('GET', `${path}/current`, { token: 'sfy_wrong' })).status).toBe(401);
    },
  );

  it.each<[Scope, Scope]>([
    ['read', 'read'],
    ['migrate', 'read'],
    ['migrate', 'admin'],
  ])('B3: a token with the scope "%s" cannot make one with "%s", list them or revoke one', async (held, asked) => {
    const keeper = await admin();
    const { id } = (await create(keeper, { name: 'x', scopes: ['read'] })).body;
    const token = await tokenWith([held]);
    for (const refused of [
      await create(token, { name: 'y', scopes: [asked] }),
      await call('GET', path, { token }),
      await call('DELETE', `${path}/${id}`, { token }),
    ])
      expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    const { items } = (await call('GET', path, { token: keeper })).body;
    expect(items.map(({ name }: { name: string }) => name)).not.toContain('y');
    expect(items.find((item: { id: string }) => item.id === id).status).toBe('active');
  });

  it('B4: a revoked token is refused from the next request on; revoking again changes nothing', async () => {
    const keeper = await admin();
    const { id, token } = (await create(keeper, { name: 'x', scopes: ['read'] })).body;
    expect((await call('GET', '/api/v1/hosts', { token })).status).toBe(200);
    expect((await call('DELETE', `${path}/${id}`, { token: keeper })).status).toBe(204);
    const refused = await call('GET', '/api/v1/hosts', { token });
    expect(refused).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(refused.body.detail).toContain('revoked');
    expect((await call('DELETE', `${path}/${id}`, { token: keeper })).status).toBe(204);
  });

  it('B4: a token ends when it was said to, by duration or by date', async () => {
    const keeper = await admin();
    const before = Date.now();
    const short = await create(keeper, { name: 'short', scopes: ['read'], expires_in_s: 3600 });
    expect(Date.parse(short.body.expires_at) - before).toBeGreaterThanOrEqual(3_600_000);
    expect(Date.parse(short.body.expires_at) - before).toBeLessThan(3_660_000);
    const expires_at = new Date(before + 86_400_000).toISOString();
    expect((await create(keeper, { name: 'dated', scopes: ['read'], expires_at })).body.expires_at).toBe(expires_at);
  });

  it.each([
    ['an unknown scope', { name: 'x', scopes: ['root'] }],
    ['no scope', { name: 'x', scopes: [] }],
    ['no name', { name: ' ', scopes: ['read'] }],
    ['a name of two lines', { name: 'a\nb', scopes: ['read'] }],
    ['a name that turns the text around', { name: 'a\u202eb', scopes: ['read'] }],
    ['an end in the past', { name: 'x', scopes: ['read'], expires_at: '2020-01-01T00:00:00Z' }],
    ['an end that is no date', { name: 'x', scopes: ['read'], expires_at: 'soon' }],
    ['two ends', { name: 'x', scopes: ['read'], expires_in_s: 60, expires_at: '2099-01-01T00:00:00Z' }],
    ['a second of life', { name: 'x', scopes: ['read'], expires_in_s: 1 }],
    ['a token of its own choosing', { name: 'x', scopes: ['read'], token: newToken('sfy') }],
  ])('B8: %s is refused and makes nothing', async (_, body) => {
    const keeper = await admin();
    expect(await create(keeper, body)).toMatchObject({ status: 422, body: { code: 'invalid_request' } });
    expect((await call('GET', path, { token: keeper })).body.items).toHaveLength(1);
  });

  it('B2: a token with a bad checksum costs no database read or write, whatever it asks for', async () => {
    const token = newToken('sfy');
    const mistyped = `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`;
    const watched = countingDb();
    const bound = bindingsWith({ DB: watched.db });
    for (const [method, where] of [
      ['POST', path],
      ['DELETE', `${path}/tok_01m84szym4tvg03p2mz6y2f9wb`],
      ['GET', '/api/v1/audit'],
    ] as const)
      expect((await call(method, where, { token: mistyped, bound })).status).toBe(401);
    expect(watched.uses()).toBe(0);
  });

  it('the list is cut into pages that the cursor leads through', async () => {
    const keeper = await admin();
    for (const name of ['a', 'b', 'c']) await create(keeper, { name, scopes: ['read'] });
    const names: string[] = [];
    let query = 'limit=3';
    for (let pages = 0; query && pages < 5; pages++) {
      const { body } = await call('GET', `${path}?${query}`, { token: keeper });
      names.push(...body.items.map(({ name }: { name: string }) => name));
      query = body.next_cursor ? `limit=3&cursor=${body.next_cursor}` : '';
    }
    expect(names).toEqual(['test', 'a', 'b', 'c']);
  });

  it('B15: an unknown token is 404', async () => {
    const answer = await call('DELETE', `${path}/tok_01m84szym4tvg03p2mz6y2f9wb`, { token: await admin() });
    expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });
});

describe('the last token that can administer', () => {
  const only = async (token: string) => (await call('GET', path, { token })).body.items.at(-1).id as string;

  it('cannot be revoked: nobody could make another', async () => {
    const keeper = await admin();
    await tokenWith(['admin'], { revoked_at: Date.now() });
    await tokenWith(['admin'], { expires_at: Date.now() - 1 });
    await tokenWith(['migrate']);
    const mine = (await call('GET', path, { token: keeper })).body.items[0].id;
    const refused = await call('DELETE', `${path}/${mine}`, { token: keeper });
    expect(refused).toMatchObject({ status: 409, body: { code: 'last_admin_token' } });
    expect(refused.body.detail).toContain('Create another one first');
    expect((await call('GET', path, { token: keeper })).status).toBe(200);
  });

  it('can be revoked once there is another', async () => {
    const keeper = await admin();
    const mine = await only(keeper);
    await create(keeper, { name: 'next', scopes: ['admin'] });
    expect((await call('DELETE', `${path}/${mine}`, { token: keeper })).status).toBe(204);
  });

  it('stays when two admins revoke each other at the same moment', async () => {
    const one = await admin();
    const two = (await create(one, { name: 'two', scopes: ['admin'] })).body;
    const oneId = (await call('GET', path, { token: one })).body.items[0].id;
    const answers = await Promise.all([
      call('DELETE', `${path}/${two.id}`, { token: one }),
      call('DELETE', `${path}/${oneId}`, { token: two.token }),
    ]);
    const alive = await Promise.all([one, two.token].map((token) => call('GET', path, { token })));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(alive.map(({ status }) => status).sort()).toEqual([200, 401]);
  });
});
