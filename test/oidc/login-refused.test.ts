import { describe, expect, it, vi } from 'vitest';
import { freePort } from '../../cli/local/free-port.ts';
import { limits } from '../../schema/limits.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { accounts, logIn, redirectUriOf, useProvider, varsOf } from './login-rig.ts';
import { startProvider } from './provider-rig.ts';
import { Visitor } from './visitor.ts';

const the = useProvider();

describe('a login that goes wrong', { timeout: 60_000 }, () => {
  it('is refused without what the browser was given on its way out, and takes no answer twice', async () => {
    const page = await new Visitor().open(`${the().plane.url}/ui/login/callback?code=made-up&state=x`);
    expect(page.status).toBe(401);
    expect(page.text).toContain('was begun in another browser');
    const visitor = new Visitor();
    await visitor.open(`${the().plane.url}/ui/login/oidc`);
    const forged = await visitor.open(`${the().plane.url}/ui/login/callback?code=made-up&state=not-the-one`);
    expect(forged.status).toBe(401);
    expect(forged.text).toContain('does not belong to this login');
    const again = await visitor.open(`${the().plane.url}/ui/login/callback?code=made-up&state=not-the-one`);
    expect(again.text).toContain('was begun in another browser');
  });

  it('says that it was cancelled at the provider', async () => {
    const visitor = new Visitor();
    const page = await visitor.open(`${the().plane.url}/ui/login/oidc`);
    const abort = /href="([^"]*abort[^"]*)"/.exec(page.text)?.[1] ?? '';
    const back = await visitor.open(abort, { from: page });
    expect([back.status, back.url.pathname]).toEqual([401, '/ui/login/callback']);
    expect(back.text).toContain('The login was cancelled, or refused by');
  });

  it('says that clocks differ where the provider’s is two hours behind', async () => {
    // The provider runs in this process; the control plane has the machine's clock.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 7_200_000 });
    try {
      const page = await logIn(new Visitor(), 'ann', the().plane.url);
      expect(page.status).toBe(503);
      expect(page.text).toMatch(/The clocks of 127\.0\.0\.1:\d+ and of this control plane differ by more than 30 s/);
    } finally {
      vi.useRealTimers();
    }
    expect((await logIn(new Visitor(), 'ann', the().plane.url)).url.pathname).toBe('/ui/hosts');
  });

  it('says that the provider is down, or the settings are wrong, and tokens still open the UI', async () => {
    const [controlPort, port] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
    const other = await testControlPlane({ port: controlPort, vars: varsOf(`http://127.0.0.1:${port}`) });
    try {
      const down = await new Visitor().open(`${other.url}/ui/login/oidc`);
      expect([down.status, down.text]).toEqual([503, expect.stringContaining('does not answer as it should')]);
      const visitor = new Visitor();
      const login = await visitor.open(`${other.url}/ui/login`);
      const page = await visitor.submit(login, { token: other.adminToken });
      expect([page.status, page.url.pathname]).toEqual([200, '/ui/stacks']);

      const redirectUri = redirectUriOf(controlPort);
      const up = await startProvider({ port, redirectUri, clientSecret: 'of another client', accounts });
      await other.restart();
      const wrong = await logIn(new Visitor(), 'ann', other.url).finally(() => up.close());
      expect([wrong.status, wrong.text]).toEqual([503, expect.stringContaining('not set up rightly')]);
      expect(other.log.join('\n')).toContain('does not take OIDC_CLIENT_ID and OIDC_CLIENT_SECRET');

      await other.restart({ ...varsOf(the().provider.issuer), OIDC_READERS: 'platform team' });
      const unread = await new Visitor().open(`${other.url}/ui/login/oidc`);
      expect([unread.status, unread.text]).toEqual([503, expect.stringContaining('not set up rightly')]);
      expect(other.log.join('\n')).toContain('OIDC_READERS');
    } finally {
      await other.close();
    }
  });

  it('counts as guessing only where the answer is wrong: not where somebody is not let in, nor where the provider is down', async () => {
    const { plane, provider } = the();
    const tries = limits.api.badCredentialsPerMinute + 1;
    const isBlocked = async () => {
      const headers = { authorization: `Bearer sfy_${'0'.repeat(43)}` };
      return (await fetch(`${plane.url}/api/v1/hosts`, { headers })).status === 429;
    };
    const joe = new Visitor();
    for (let nth = 0; nth < tries; nth++) expect((await logIn(joe, 'joe', plane.url)).status).toBe(403);
    expect(await isBlocked()).toBe(false);
    const checks = encodeURIComponent(JSON.stringify({ state: 'x', nonce: 'n', verifier: 'v', next: '/ui' }));
    const answer = (error: string) =>
      fetch(`${plane.url}/ui/login/callback?state=x&error=${error}&iss=${provider.issuer}`, {
        headers: { cookie: `stackferry_login=${checks}` },
      });
    for (let nth = 0; nth < tries; nth++) expect((await answer('temporarily_unavailable')).status).toBe(503);
    expect(await isBlocked()).toBe(false);
    for (let nth = 0; nth < tries; nth++) await answer('access_denied');
    expect(await isBlocked()).toBe(true);
  });
});
