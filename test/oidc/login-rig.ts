import { afterAll, beforeAll } from 'vitest';
import { freePort } from '../../cli/local/free-port.ts';
import { type TestControlPlane, testControlPlane } from '../support/control-plane.ts';
import { clientId, startProvider, type TestProvider } from './provider-rig.ts';
import type { Page, Visitor } from './visitor.ts';

export const accounts = {
  ann: { email: 'Ann@example.com', email_verified: true },
  bob: { email: 'bob@example.org', email_verified: true, groups: ['platform team', 'cooks'] },
  eve: { email: 'ann@example.com', email_verified: false, preferred_username: 'eve' },
  amy: { email: 'amy@example.org', email_verified: true, groups: ['platform team'] },
  kim: { email: 'kim@example.com', email_verified: true },
  joe: { email: 'joe@example.com', email_verified: true },
};

export const varsOf = (issuer: string) => ({
  OIDC_ISSUER: issuer,
  OIDC_CLIENT_ID: clientId,
  OIDC_CLIENT_SECRET: 'of this client',
  OIDC_ADMINS: 'ann@example.com',
  OIDC_READERS: 'group:platform team',
});
export const redirectUriOf = (port: number) => `http://127.0.0.1:${port}/ui/login/callback`;

interface Rig {
  plane: TestControlPlane;
  provider: TestProvider;
}

/** Registers the hooks of a test file: one control plane and its provider. */
export function useProvider(): () => Rig {
  let rig: Rig | null = null;
  beforeAll(async () => {
    const [planePort, port] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
    const client = { redirectUri: redirectUriOf(planePort), clientSecret: 'of this client' };
    const provider = await startProvider({ port, ...client, accounts });
    rig = { provider, plane: await testControlPlane({ port: planePort, vars: varsOf(provider.issuer) }) };
  }, 60_000);
  afterAll(async () => {
    await rig?.plane.close();
    await rig?.provider.close();
  });
  return () => {
    if (!rig) throw new Error('they are up only inside tests');
    return rig;
  };
}

/** From the login page to the provider, through its pages, and back. */
export async function logIn(visitor: Visitor, name: string, control: string): Promise<Page> {
  const first = await visitor.open(`${control}/ui/login?next=/ui/hosts`);
  const link = /href="(\/ui\/login\/oidc[^"]*)"/.exec(first.text)?.[1] ?? '';
  let page = await visitor.open(link.replaceAll('&amp;', '&'), { from: first });
  for (let step = 0; step < 2 && page.url.origin !== control; step++)
    page = await visitor.submit(page, page.text.includes('name="password"') ? { login: name, password: 'x' } : {});
  return page;
}
