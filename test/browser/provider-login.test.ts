import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, expect, test } from 'vitest';
import { freePort } from '../../cli/local/free-port.ts';
import { clientId, startProvider, type TestProvider } from '../oidc/provider-rig.ts';
import { describeUi, useUi } from './support/use-ui.ts';

const clientSecret = 'of this client';
const accounts = { ann: { email: 'ann@example.com', email_verified: true } };
const port = await freePort('127.0.0.1');

/** What its pages load. */
const providers = new RegExp(`127\\.0\\.0\\.1:${port}|fonts\\.googleapis`);

describeUi('a login at a provider, in a browser', () => {
  let provider: TestProvider | null = null;
  const the = useUi(
    async ({ url }) => {
      provider = await startProvider({ port, redirectUri: `${url}/ui/login/callback`, clientSecret, accounts });
    },
    {
      vars: {
        ...{ OIDC_ISSUER: `http://127.0.0.1:${port}`, OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret },
        OIDC_ADMINS: 'ann@example.com',
      },
    },
  );
  afterAll(() => provider?.close());

  test('leads back to the page that was asked for, and its logout to the login', async () => {
    const page = await the().open();
    await page.route(/fonts\.googleapis/, (route) => route.abort());
    await page.goto('/ui/audit?kind=login');
    await page.waitForURL('**/ui/login?**');
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id }) => id)).toEqual([]);

    await page.getByRole('link', { name: `Log in with 127.0.0.1:${port}` }).click();
    await page.locator('input[name="login"]').fill('ann');
    await page.locator('input[name="password"]').fill('x');
    await page.locator('button[type="submit"]').click();
    // The provider's own question whether this control plane may know the email.
    await page.locator('button[type="submit"]').click();
    await page.waitForURL('**/ui/audit?kind=login');
    await page.getByRole('rowheader').getByText('ann@example.com').waitFor();
    const [session] = (await page.context().cookies()).filter(({ name }) => name === 'stackferry_session');
    expect(session).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/ui' });

    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForURL('**/ui/login');
    await page.goto('/ui/audit');
    await page.waitForURL('**/ui/login?**');
    // The provider's pages are not ours; of our own nothing went wrong.
    const ours = the()
      .takeFaults()
      .filter((fault) => !providers.test(fault));
    expect(ours).toEqual([]);
  });
});
