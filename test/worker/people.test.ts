import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Scope } from '../../schema/scopes.ts';
import { personId } from '../../worker/auth/oidc/who.ts';
import { recordPerson } from '../../worker/store/people.ts';
import { hashToken, newToken } from '../../worker/store/token-format.ts';
import { insertSession } from '../../worker/store/ui-sessions.ts';
import { bindings, call, tokenWith } from './support/api.ts';
import { dump } from './support/databases.ts';
import { logIn, submit } from './support/ui.ts';

/** A person with a session, as after a login at the provider. */
async function person(scopes: Scope[], { name = 'ann@example.com', expires_at = Date.now() + 60_000 } = {}) {
  const id = await personId('https://id.example.com', name);
  await recordPerson(env.DB, { id, name, scopes }, Date.now());
  const secret = newToken('sfs');
  const session = { hash: await hashToken(secret), token_id: id, sealed_token: '', created_at: Date.now(), expires_at };
  await insertSession(env.DB, session);
  return { id, secret };
}

describe('a person', () => {
  it('acts in the API by the secret of a session, within its scopes and its time', async () => {
    const { id, secret } = await person(['migrate']);
    expect((await call('GET', '/api/v1/tokens/current', { token: secret })).body).toMatchObject({
      ...{ id, name: 'ann@example.com', kind: 'person', scopes: ['migrate'], status: 'active' },
    });
    expect((await call('POST', '/api/v1/hosts', { token: secret, body: { name: 'a' } })).status).toBe(403);
    const over = await person(['admin'], { name: 'bob@example.com', expires_at: Date.now() - 1 });
    expect((await call('GET', '/api/v1/hosts', { token: over.secret })).status).toBe(401);
    expect(await dump()).not.toContain(secret.slice(4, 40));
  });

  it('has new scopes in every session from the next login on', async () => {
    const { id, secret } = await person(['admin']);
    expect((await call('GET', '/api/v1/audit', { token: secret })).status).toBe(200);
    await recordPerson(env.DB, { id, name: 'ann@example.com', scopes: ['read'] }, Date.now());
    expect((await call('GET', '/api/v1/audit', { token: secret })).status).toBe(403);
  });

  it('stays out once an admin has revoked the access, also at a new login, until it is restored', async () => {
    const keeper = await tokenWith(['admin']);
    const { id, secret } = await person(['admin']);
    expect((await call('DELETE', `/api/v1/tokens/${id}`, { token: keeper })).status).toBe(204);
    expect((await call('GET', '/api/v1/hosts', { token: secret })).status).toBe(401);
    const row = await recordPerson(env.DB, { id, name: 'ann@example.com', scopes: ['admin'] }, Date.now());
    expect(row.revoked_at).not.toBeNull();
    const restored = await call('POST', `/api/v1/tokens/${id}/restore`, { token: keeper });
    expect(restored).toMatchObject({ status: 200, body: { id, status: 'active', revoked_at: null } });
    expect((await call('GET', '/api/v1/hosts', { token: secret })).status).toBe(401);
    const next = await person(['admin']);
    expect((await call('GET', '/api/v1/hosts', { token: next.secret })).status).toBe(200);
  });

  it('B4: no token is restored, and only an admin restores', async () => {
    const keeper = await tokenWith(['admin']);
    const { id } = (await call('POST', '/api/v1/tokens', { token: keeper, body: { name: 'x', scopes: ['read'] } }))
      .body;
    await call('DELETE', `/api/v1/tokens/${id}`, { token: keeper });
    const refused = await call('POST', `/api/v1/tokens/${id}/restore`, { token: keeper });
    expect(refused).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect((await call('GET', `/api/v1/tokens/${id}`, { token: keeper })).body.status).toBe('revoked');
    const ann = await person(['read']);
    const path = `/api/v1/tokens/${ann.id}/restore`;
    expect((await call('POST', path, { token: await tokenWith(['migrate']) })).status).toBe(403);
  });

  it('is no admin token: the last of those cannot be revoked, not even by a person', async () => {
    const keeper = await tokenWith(['admin']);
    const { id, secret } = await person(['admin']);
    const [mine] = (await call('GET', '/api/v1/tokens', { token: keeper })).body.items;
    const refused = await call('DELETE', `/api/v1/tokens/${mine.id}`, { token: secret });
    expect(refused).toMatchObject({ status: 409, body: { code: 'last_admin_token' } });
    expect((await call('DELETE', `/api/v1/tokens/${id}`, { token: secret })).status).toBe(204);
  });

  it('does not use up the first admin token', async () => {
    await person(['admin']);
    const first = newToken('sfy');
    const bound = { ...bindings, BOOTSTRAP_TOKEN_HASH: await hashToken(first) };
    expect((await call('GET', '/api/v1/tokens', { token: first, bound })).status).toBe(200);
  });

  it('is listed after the tokens', async () => {
    const { id } = await person(['read']);
    const keeper = await tokenWith(['admin']);
    const { items } = (await call('GET', '/api/v1/tokens', { token: keeper })).body;
    expect(items.map((item: { kind: string }) => item.kind)).toEqual(['token', 'person']);
    expect(items[1].id).toBe(id);
  });
});

describe('the session of a token', () => {
  it('is no credential of the API, and no session is a token to log in with', async () => {
    const cookie = await logIn(await tokenWith(['admin']));
    const secret = cookie.split('=')[1]!;
    expect((await call('GET', '/api/v1/hosts', { token: secret })).status).toBe(401);
    const ann = await person(['admin']);
    const refused = await submit('/ui/login', new URLSearchParams({ token: ann.secret }));
    expect(refused.status).toBe(401);
    expect(refused.headers.get('set-cookie')).toBeNull();
  });
});
