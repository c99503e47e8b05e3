import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { hashToken, isWellFormedToken, newToken } from '../../worker/store/token-format.ts';
import { bindings, call, tokenWith } from './support/api.ts';

describe('API tokens', () => {
  it('B1: a request without a token is refused with 401 and says how to authenticate', async () => {
    const answer = await call('GET', '/api/v1/hosts');
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    expect(answer.body).toMatchObject({ code: 'unauthorized', type: 'urn:stackferry:error:unauthorized', status: 401 });
  });

  it('B2: a token with a bad checksum is refused without a database read', async () => {
    const token = newToken('sfy');
    const mistyped = `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`;
    const watched = countingDb();
    const answer = await call('GET', '/api/v1/hosts', { token: mistyped, bound: { ...bindings, DB: watched.db } });
    expect(answer.status).toBe(401);
    expect(watched.uses()).toBe(0);
    await call('GET', '/api/v1/hosts', { token, bound: { ...bindings, DB: watched.db } });
    expect(watched.uses()).toBeGreaterThan(0);
  });

  it('B3: a token without the scope is refused with 403, one with a wider scope is let in', async () => {
    const read = await tokenWith(['read']);
    const refused = await call('POST', '/api/v1/hosts', { token: read, body: { name: 'a' } });
    expect(refused.status).toBe(403);
    expect(refused.body.code).toBe('forbidden');
    expect(refused.headers.get('www-authenticate')).toContain('scope="admin"');
    expect((await call('GET', '/api/v1/hosts', { token: await tokenWith(['admin']) })).status).toBe(200);
    const migrate = await tokenWith(['migrate']);
    expect((await call('DELETE', '/api/v1/hosts/host_01', { token: migrate })).status).toBe(403);
  });

  it('B4: revoked, expired and unknown tokens are refused with 401', async () => {
    const tokens = [
      await tokenWith(['admin'], { revoked_at: Date.now() - 1 }),
      await tokenWith(['admin'], { expires_at: Date.now() - 1 }),
      newToken('sfy'),
    ];
    for (const token of tokens) expect((await call('GET', '/api/v1/hosts', { token })).status).toBe(401);
  });

  it('stores only the hash of a token', async () => {
    const token = await tokenWith(['read']);
    const { results } = await env.DB.prepare('SELECT * FROM api_token').all();
    expect(JSON.stringify(results)).not.toContain(token.slice(4, 40));
  });

  it('tells whole tokens from cut, swapped and foreign ones', () => {
    const token = newToken('sfy');
    expect(token).toMatch(/^sfy_[0-9A-Za-z]{49}$/);
    expect(isWellFormedToken('sfy', token)).toBe(true);
    for (const bad of [token.slice(1), `${token}a`, token.replace('sfy', 'sfj'), '', newToken('sfj')])
      expect(isWellFormedToken('sfy', bad)).toBe(false);
  });
});

describe('the first admin token', () => {
  it('C8: is adopted while there is no token at all, and only then', async () => {
    const first = newToken('sfy');
    const bound = { ...bindings, BOOTSTRAP_TOKEN_HASH: await hashToken(first) };
    expect((await call('GET', '/api/v1/hosts', { token: newToken('sfy'), bound })).status).toBe(401);
    expect((await call('POST', '/api/v1/hosts', { token: first, body: { name: 'a' }, bound })).status).toBe(201);

    const second = newToken('sfy');
    const rebound = { ...bindings, BOOTSTRAP_TOKEN_HASH: await hashToken(second) };
    expect((await call('GET', '/api/v1/hosts', { token: second, bound: rebound })).status).toBe(401);
    expect((await call('GET', '/api/v1/hosts', { token: first, bound: rebound })).status).toBe(200);
  });
});

function countingDb() {
  let uses = 0;
  const db = new Proxy(env.DB, {
    get(target, key) {
      uses += 1;
      const value = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { db, uses: () => uses };
}
