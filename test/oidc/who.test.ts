import { describe, expect, it } from 'vitest';
import { readSettings } from '../../cli/serve/settings.ts';
import { type OidcEnv, readOidcSettings } from '../../worker/auth/oidc/settings.ts';
import { claimsOf, personIn } from '../../worker/auth/oidc/who.ts';

const set = {
  OIDC_ISSUER: 'https://id.example.com',
  OIDC_CLIENT_ID: 'a',
  OIDC_CLIENT_SECRET: 'b',
  OIDC_ADMINS: 'ann@example.com',
};

async function scopesOf(claims: Record<string, unknown>, env: OidcEnv) {
  const read = readOidcSettings({ ...set, ...env });
  if (read.kind !== 'on') throw new Error(JSON.stringify(read));
  const named = await personIn({ iss: 'https://id.example.com', sub: '1', ...claims }, read.settings);
  return named.ok ? named.person.scopes : null;
}
const verified = (email: string) => ({ email, email_verified: true });

describe('who may log in', () => {
  const env = {
    OIDC_ADMINS: 'ann@example.com, group:root',
    OIDC_MIGRATORS: '*@ops.example.com',
    OIDC_READERS: 'group:Platform Team,*@example.com',
  };
  it.each([
    [verified('ANN@example.com'), ['admin']],
    [verified('bob@example.com'), ['read']],
    [verified('bob@ops.example.com'), ['migrate']],
    [{ groups: ['cooks', 'root'] }, ['admin']],
    [{ groups: 'Platform Team' }, ['read']],
    [{ ...verified('bob@ops.example.com'), groups: ['root'] }, ['admin']],
    [verified('bob@evil-example.com'), null],
    [verified('ann@example.com.evil.org'), null],
    [{ email: 'ann@example.com' }, null],
    [{ email: 'ann@example.com', email_verified: 'true' }, null],
    [{ groups: ['platform team'] }, null],
    [{ groups: [{ name: 'root' }], roles: ['root'] }, null],
    [{ preferred_username: 'ann@example.com' }, null],
    [{}, null],
  ])('%j: %j', async (claims, scopes) => {
    expect(await scopesOf(claims, env)).toEqual(scopes);
  });

  it('reads groups from the claim that is named', async () => {
    const claim = 'https://example.com/teams';
    const named = { OIDC_GROUPS_CLAIM: claim, OIDC_READERS: 'group:root' };
    expect(await scopesOf({ [claim]: ['root'] }, named)).toEqual(['read']);
    expect(await scopesOf({ groups: ['root'] }, named)).toBeNull();
  });

  const google = { OIDC_ISSUER: 'https://accounts.google.com', OIDC_ADMINS: 'ann@example.com,joe@gmail.com' };
  it.each([
    [{ ...verified('bob@example.com'), hd: 'example.com' }, ['read']],
    [{ ...verified('Ann@Example.com'), hd: 'example.com' }, ['admin']],
    [verified('joe@gmail.com'), ['admin']],
    [verified('bob@example.com'), null],
    [verified('ann@example.com'), null],
    [{ ...verified('bob@example.com'), hd: 'evil.org' }, null],
    [{ ...verified('ann@example.com'), hd: 'evil.org' }, null],
    [{ ...verified('ann@example.com'), hd: true }, null],
    [{ email: 'bob@example.com', hd: 'example.com' }, null],
    [verified('bob@gmail.com'), null],
  ])('at Google, where private accounts have any address: %j: %j', async (claims, scopes) => {
    expect(await scopesOf(claims, { ...google, OIDC_READERS: '*@example.com' })).toEqual(scopes);
  });

  it('takes an address and its proof from one source: the ID token, or else userinfo', () => {
    const token = { iss: 'https://id.example.com', sub: '1' };
    expect(claimsOf({ ...token, email: 'ann@example.com' }, verified('eve@example.org'))).toEqual({
      ...token,
      email: 'ann@example.com',
      email_verified: undefined,
    });
    expect(claimsOf({ ...token, email_verified: true }, { email: 'ann@example.com', groups: ['a'] })).toEqual({
      ...token,
      email: 'ann@example.com',
      email_verified: undefined,
      groups: ['a'],
    });
    expect(claimsOf(token, verified('ann@example.com'))).toEqual({ ...token, ...verified('ann@example.com') });
  });

  it('tells people of two providers apart, and the same person again', async () => {
    const read = readOidcSettings(set);
    if (read.kind !== 'on') throw new Error();
    const idOf = async (iss: string, sub: string) => (await personIn({ iss, sub }, read.settings)).person.id;
    expect(await idOf('a', '1')).toBe(await idOf('a', '1'));
    expect(new Set([await idOf('a', '1'), await idOf('b', '1'), await idOf('a', '2'), await idOf('', 'a1')]).size).toBe(
      4,
    );
  });

  it('names nobody by more than a line', async () => {
    const read = readOidcSettings(set);
    if (read.kind !== 'on') throw new Error();
    const { person } = await personIn(
      { iss: 'a', sub: '7', preferred_username: 'x\u202e\ny'.padEnd(300, 'z') },
      read.settings,
    );
    expect(person.name).toMatch(/^xyz+$/);
    expect(person.name.length).toBeLessThanOrEqual(100);
  });
});

describe('settings of the login', () => {
  it.each<[OidcEnv, string]>([
    [{ OIDC_ISSUER: 'http://id.example.com' }, 'OIDC_ISSUER is not an https address'],
    [{ OIDC_ISSUER: 'id.example.com' }, 'OIDC_ISSUER is not an https address'],
    [{ OIDC_CLIENT_SECRET: '' }, 'OIDC_CLIENT_SECRET must be set too'],
    [{ OIDC_ISSUER: '', OIDC_CLIENT_ID: '' }, 'OIDC_ISSUER and OIDC_CLIENT_ID must be set too'],
    [{ OIDC_ADMINS: '' }, 'Nobody could log in'],
    [{ OIDC_READERS: 'ann' }, '"ann" is not an email address'],
    [{ OIDC_READERS: '*' }, '"*" is not an email address'],
    [{ OIDC_READERS: '*@' }, '"*@" is not an email address'],
    [{ OIDC_SCOPES: 'email' }, 'OIDC_SCOPES must have "openid"'],
  ])('%j is refused at the start of serve', (wrong, why) => {
    const env = Object.fromEntries(Object.entries({ ...set, ...wrong }).filter(([, value]) => value !== ''));
    expect(readOidcSettings(env)).toMatchObject({ kind: 'wrong', why: expect.stringContaining(why) });
    const flags = { data: 'd', listen: '127.0.0.1:8787', relay: true };
    expect(() => readSettings(flags, env)).toThrow(why);
  });

  it('are off without any, on with a provider on this machine by http, and go on to the Worker as they are', () => {
    expect(readOidcSettings({})).toEqual({ kind: 'off' });
    expect(readOidcSettings({ ...set, OIDC_ISSUER: 'http://127.0.0.1:9000' }).kind).toBe('on');
    const flags = { data: 'd', listen: '127.0.0.1:8787', relay: true };
    expect(readSettings(flags, set).oidc).toEqual(set);
    expect(readSettings(flags, {}).oidc).toEqual({});
  });
});
