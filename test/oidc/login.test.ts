import { describe, expect, it } from 'vitest';
import { accounts, logIn, useProvider } from './login-rig.ts';
import { Visitor } from './visitor.ts';

const the = useProvider();

const api = async (path: string, token = the().plane.adminToken, method = 'GET') => {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${the().plane.url}/api/v1${path}`, { method, headers });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
};
const lastLogin = async () => (await api('/audit?kind=login&limit=1')).body.items[0];

describe('a login at a provider', { timeout: 60_000 }, () => {
  it('lets in whom the settings name, with what they may do; the audit and the API have the email', async () => {
    const visitor = new Visitor();
    const page = await logIn(visitor, 'ann', the().plane.url);
    expect([page.status, page.url.pathname]).toEqual([200, '/ui/hosts']);
    expect(page.text).toContain('ann@example.com');
    expect(await lastLogin()).toMatchObject({
      act: 'GET /ui/login/callback',
      actor: { kind: 'token', id: expect.stringMatching(/^usr_[0-9a-f]{26}$/), name: 'ann@example.com' },
      code: null,
    });
    const secret = visitor.cookie(the().plane.url, 'stackferry_session')!;
    const me = (await api('/tokens/current', secret)).body;
    expect(me).toMatchObject({ name: 'ann@example.com', kind: 'person', scopes: ['admin'], expires_at: null });
    expect((await api(`/tokens/${me.id}`)).body).toMatchObject({ id: me.id, status: 'active' });
    const acted = await fetch(`${the().plane.url}/api/v1/hosts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: '{"name":"of-ann"}',
    });
    expect(acted.status).toBe(201);
    expect((await api(`/audit?actor=${me.id}&kind=hosts`)).body.items).toMatchObject([
      { act: 'POST /api/v1/hosts', actor: { name: 'ann@example.com' } },
    ]);
  });

  it('ends with the logout: neither the cookie nor its secret opens anything', async () => {
    const visitor = new Visitor();
    const page = await logIn(visitor, 'ann', the().plane.url);
    const secret = visitor.cookie(the().plane.url, 'stackferry_session')!;
    const out = await visitor.submit({ ...page, text: page.text.slice(page.text.indexOf('action="/ui/logout"') - 40) });
    expect(out.url.pathname).toBe('/ui/login');
    expect((await api('/hosts', secret)).status).toBe(401);
    expect((await visitor.open(`${the().plane.url}/ui/hosts`)).url.pathname).toBe('/ui/login');
  });

  it('is one person at every login, also from two browsers, and the list of tokens has them once', async () => {
    const [one, two] = [new Visitor(), new Visitor()];
    await logIn(one, 'ann', the().plane.url);
    await logIn(two, 'ann', the().plane.url);
    for (const visitor of [one, two])
      expect((await visitor.open(`${the().plane.url}/ui/hosts`)).url.pathname).toBe('/ui/hosts');
    const people = (await api('/tokens?limit=200')).body.items.filter(
      ({ kind }: { kind: string }) => kind === 'person',
    );
    expect(people.filter(({ name }: { name: string }) => name === 'ann@example.com')).toHaveLength(1);
  });

  it('gives a group its scope, and no more', async () => {
    const visitor = new Visitor();
    const page = await logIn(visitor, 'bob', the().plane.url);
    expect([page.url.pathname, page.text]).toEqual(['/ui/hosts', expect.stringContaining('lacks the scope')]);
    const secret = visitor.cookie(the().plane.url, 'stackferry_session')!;
    expect((await api('/tokens/current', secret)).body).toMatchObject({ name: 'bob@example.org', scopes: ['read'] });
    expect((await api('/audit', secret)).status).toBe(403);
  });

  it.each([
    ['joe', 'joe@example.com', 'nobody has let joe@example.com in here'],
    ['eve', 'eve', 'does not say that your email address is verified'],
  ])('keeps %s out, says why, and has it in the audit', async (account, name, why) => {
    const visitor = new Visitor();
    const page = await logIn(visitor, account, the().plane.url);
    expect([page.status, page.url.pathname]).toEqual([403, '/ui/login/callback']);
    expect(page.text).toContain(why);
    expect(visitor.cookie(the().plane.url, 'stackferry_session')).toBeUndefined();
    expect(await lastLogin()).toMatchObject({ status: 403, code: 'forbidden', actor: { name } });
    expect((await api('/tokens?limit=200')).body.items.map((token: { name: string }) => token.name)).not.toContain(
      name,
    );
  });

  it('has the refusals of one person in the audit only once a minute', async () => {
    const visitor = new Visitor();
    for (let nth = 0; nth < 3; nth++) expect((await logIn(visitor, 'kim', the().plane.url)).status).toBe(403);
    const entries: { actor: { name: string } }[] = (await api('/audit?kind=login&limit=200')).body.items;
    expect(entries.filter(({ actor }) => actor.name === 'kim@example.com')).toHaveLength(1);
  });

  it('ends at once when an admin revokes the access of the person, who stays out until it is restored', async () => {
    const visitor = new Visitor();
    await logIn(visitor, 'bob', the().plane.url);
    const secret = visitor.cookie(the().plane.url, 'stackferry_session')!;
    const { id } = (await api('/tokens/current', secret)).body;
    expect((await api(`/tokens/${id}`, the().plane.adminToken, 'DELETE')).status).toBe(204);
    expect((await api('/hosts', secret)).status).toBe(401);
    expect((await visitor.open(`${the().plane.url}/ui/hosts`)).url.pathname).toBe('/ui/login');
    const refused = await logIn(new Visitor(), 'bob', the().plane.url);
    expect(refused.status).toBe(403);
    expect(refused.text).toContain('An admin has revoked the access of bob@example.org');
    expect((await api(`/tokens/${id}/restore`, the().plane.adminToken, 'POST')).body).toMatchObject({
      status: 'active',
    });
    expect((await logIn(new Visitor(), 'bob', the().plane.url)).url.pathname).toBe('/ui/hosts');
    expect((await api('/hosts', secret)).status).toBe(401);
  });

  it('ends with the next login of a person who is named no longer, in every browser', async () => {
    const [one, two] = [new Visitor(), new Visitor()];
    for (const visitor of [one, two]) await logIn(visitor, 'amy', the().plane.url);
    const secret = one.cookie(the().plane.url, 'stackferry_session')!;
    accounts.amy.groups = ['cooks'];
    expect((await api('/hosts', secret)).status).toBe(200);
    expect((await logIn(new Visitor(), 'amy', the().plane.url)).status).toBe(403);
    expect((await api('/hosts', secret)).status).toBe(401);
    expect((await two.open(`${the().plane.url}/ui/hosts`)).url.pathname).toBe('/ui/login');
    accounts.amy.groups = ['platform team'];
    expect((await logIn(new Visitor(), 'amy', the().plane.url)).url.pathname).toBe('/ui/hosts');
    expect((await api('/hosts', secret)).status).toBe(401);
  });

  it('opens no address but one of this UI afterwards', async () => {
    const visitor = new Visitor();
    const provided = await visitor.open(`${the().plane.url}/ui/login/oidc?next=https://evil.example/`);
    const kept = JSON.parse(decodeURIComponent(visitor.cookie(the().plane.url, 'stackferry_login')!));
    expect(provided.url.origin).toBe(the().provider.issuer);
    expect(kept).toMatchObject({ next: '/ui/stacks', state: expect.any(String), nonce: expect.any(String) });
  });
});
