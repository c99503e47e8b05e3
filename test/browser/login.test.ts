import { expect, test } from 'vitest';
import { describeUi, logIn, useUi } from './support/use-ui.ts';

describeUi('logging in', () => {
  const the = useUi(async () => {});
  const newToken = (scopes: string[], name = 'a visitor') =>
    the().fleet.api.post<{ id: string; token: string }>('/tokens', { name, scopes });

  test('a wrong token gets a plain answer, and no session', async () => {
    const page = await the().open();
    await page.goto('/');
    await page.waitForURL('**/ui/login');
    await logIn(page, 'not a token');
    await page.getByText('Enter an API token: it begins with "sfy_".').waitFor();
    await logIn(page, `${the().token.slice(0, -1)}${the().token.endsWith('0') ? '1' : '0'}`);
    await page.getByText('That API token is incomplete; it starts with sfy_.').waitFor();
    expect(await page.getByLabel('API token').getAttribute('aria-invalid')).toBe('true');
    expect(await page.context().cookies()).toEqual([]);
  });

  test('a session ends with its token: the login says so, and leads back to where one was', async () => {
    const { id, token } = await newToken(['migrate']);
    const page = await the().enter({ token });
    await page.goto('/ui/migrations?stack=shop');
    await the().fleet.api.delete(`/tokens/${id}`);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('Your session has ended. Log in again to continue where you were.').waitFor();
    await logIn(page, the().token);
    await page.waitForURL('**/ui/migrations?search=shop*');
    expect(await page.getByLabel('Stack').inputValue()).toBe('shop');
  });

  test('a form that was sent after the end does nothing, and leads back to its page', async () => {
    const { id, token } = await newToken(['admin']);
    const page = await the().enter({ token });
    await page.goto('/ui/hosts');
    await the().fleet.api.delete(`/tokens/${id}`);
    await page.getByLabel('New host').fill('too-late');
    await page.getByRole('button', { name: 'Add host' }).click();
    await page.getByText('Your session has ended.').waitFor();
    await logIn(page, the().token);
    await page.waitForURL('**/ui/hosts');
    await page.getByText('No hosts yet').waitFor();
  });

  test('logging out ends the session on the server too', async () => {
    const page = await the().enter();
    const [cookie] = await page.context().cookies();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForURL('**/ui/login');
    expect(await page.context().cookies()).toEqual([]);
    await page.context().addCookies([cookie!]);
    await page.goto('/ui/stacks');
    await page.waitForURL('**/ui/login?*ended=1');
  });

  test('what the token may not do is shown with the reason, and refused where it is sent all the same', async () => {
    const { token } = await newToken(['read']);
    const page = await the().enter({ token });
    await page.goto('/ui/hosts');
    await page.getByText('Your token lacks the scope "admin".').first().waitFor();
    expect(await page.getByRole('button', { name: 'Add host' }).isDisabled()).toBe(true);
    await page.goto('/ui/tokens');
    await page.getByText('Tokens need the scope "admin"').waitFor();
    await page.goto('/ui/hosts');
    const [field, button] = [page.getByLabel('New host'), page.getByRole('button', { name: 'Add host' })];
    for (const element of [field, button])
      await element.evaluate((one: { disabled: boolean }) => {
        one.disabled = false;
      });
    await field.fill('mine');
    await button.click();
    await page.getByText('This needs a token with the scope "admin".').waitFor();
    expect((await the().fleet.api.get<{ items: unknown[] }>('/hosts')).items).toEqual([]);
  });

  test('guesses are slowed down as they are in the API, and a good token is let in after all', async () => {
    const { url } = the();
    const guess = () =>
      fetch(`${url}/ui/login`, {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: url, 'content-type': 'application/x-www-form-urlencoded' },
        body: 'token=sfy_guessed',
      });
    const answers: number[] = [];
    while (answers.at(-1) !== 429 && answers.length < 100) answers.push((await guess()).status);
    expect(answers[0]).toBe(401);
    const refused = await guess();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.text()).toContain('Too many requests of this address');
    // Its bearer was seen good here lately.
    const page = await the().enter();
    expect(new URL(page.url()).pathname).toBe('/ui/stacks');
  });
});
