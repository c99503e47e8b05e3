import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeUi, useUi } from './support/use-ui.ts';

const markup = '<img src=x onerror="window.wasRun=1"><script>window.wasRun=1</script>';

describeUi('the web UI among hostile pages and names', () => {
  const the = useUi(async (ui) => {
    const host = await ui.addHost('host-a');
    await ui.seed(host, 'guestbook');
  });
  let elsewhere: Server;
  let otherSite: string;
  beforeAll(async () => {
    elsewhere = createServer((request, response) => {
      const control = new URL(request.url ?? '/', 'http://localhost').searchParams.get('control');
      response.setHeader('content-type', 'text/html');
      response.end(`<form method="post" action="${control}/ui/hosts"><input name="name" value="evil">
        <button>Win a prize</button></form><a href="${control}/ui/hosts">a link</a>`);
    });
    await new Promise<void>((ready) => elsewhere.listen(0, '127.0.0.1', ready));
    // By another name than the control plane's: another site for the browser.
    otherSite = `http://localhost:${(elsewhere.address() as AddressInfo).port}`;
  });
  afterAll(() => void elsewhere?.close());
  const hostNames = async () => {
    const { items } = await the().fleet.api.get<{ items: { name: string }[] }>('/hosts');
    return items.map(({ name }) => name);
  };

  test('B18 a form of another site is refused, whatever session the browser has', async () => {
    const page = await the().enter();
    const answers: number[] = [];
    page.on('response', (response) => answers.push(response.status()));
    const browserOnly = page.context();
    const evil = await browserOnly.newPage();
    await evil.goto(`${otherSite}/?control=${encodeURIComponent(the().url)}`);
    await evil.getByRole('button', { name: 'Win a prize' }).click();
    await evil.getByText('This form did not come from a page of this control plane; nothing was done.').waitFor();
    expect(await hostNames()).toEqual(['host-a']);
    // A link from there is no act: it leads in.
    await evil.goto(`${otherSite}/?control=${encodeURIComponent(the().url)}`);
    await evil.getByRole('link', { name: 'a link' }).click();
    await evil.getByRole('heading', { name: 'Hosts' }).waitFor();
  });

  test('B18 a form without the token of the session is refused, from the same origin too', async () => {
    const page = await the().enter();
    const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    const post = (headers: Record<string, string>, body: string) =>
      fetch(`${the().url}/ui/hosts`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body,
      });
    const own = { origin: the().url };
    expect((await post({}, 'name=evil')).status).toBe(403);
    expect((await post({ origin: 'null' }, 'name=evil')).status).toBe(403);
    expect((await post(own, 'name=evil')).status).toBe(403);
    expect((await post(own, `name=evil&csrf=${'0'.repeat(64)}`)).status).toBe(403);
    expect((await post({ ...own, 'content-type': 'text/plain' }, 'name=evil')).status).toBe(415);
    expect((await post(own, 'x'.repeat(70_000))).status).toBe(413);
    expect(await hostNames()).toEqual(['host-a']);
  });

  test('B18 the cookie is for the UI and no script, and pages may load nothing but what is ours', async () => {
    const page = await the().enter();
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/ui' });
    expect(cookie!.expires).toBeGreaterThan(Date.now() / 1000);
    const secure = await fetch(`${the().url}/ui/login`, {
      method: 'POST',
      redirect: 'manual',
      // As behind a proxy that speaks https.
      headers: { origin: the().url.replace('http:', 'https:'), 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=${the().token}`,
    });
    expect(secure.headers.get('set-cookie')).toMatch(/; HttpOnly; Secure; SameSite=Strict$/);

    const response = await page.goto('/ui/stacks');
    const policy = response?.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(response?.headers()).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    // Whatever came into a page, it would not run.
    await page.evaluate(
      `document.body.insertAdjacentHTML('beforeend', ${JSON.stringify(markup.replace('src=x ', ''))})`,
    );
    expect(await page.evaluate('window.wasRun')).toBeUndefined();
    expect(the().takeFaults()).toEqual([expect.stringContaining('violates the following Content Security Policy')]);
  });

  test('B18 names with markup in them are shown as they are, on every page that has them', async () => {
    const { fleet } = the();
    const { token } = await fleet.api.post<{ token: string }>('/tokens', { name: markup, scopes: ['admin'] });
    const page = await the().enter({ token });
    for (const place of ['/ui/stacks', '/ui/tokens', '/ui/audit']) {
      await page.goto(place);
      await page.getByText(markup).first().waitFor();
    }
    await page.goto(`/ui/migrations?stack=${encodeURIComponent(markup)}`);
    expect(await page.getByLabel('Stack').inputValue()).toBe(markup);
    await page.goto(`/ui/stacks/${encodeURIComponent(markup)}`);
    await page.goto(`/ui/login?next=${encodeURIComponent(`"><script>window.wasRun=1</script>`)}`);
    expect(await page.locator('main script, main img').count()).toBe(0);
    expect(await page.evaluate('window.wasRun')).toBeUndefined();
  });

  test('the login leads to places of this UI only', async () => {
    for (const next of [
      'https://elsewhere.example/ui/',
      '//elsewhere.example/',
      '/ui/../api/v1/hosts',
      '/\\elsewhere',
    ]) {
      const answer = await fetch(`${the().url}/ui/login`, {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: the().url, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ token: the().token, next }).toString(),
      });
      expect(answer.status).toBe(303);
      expect(answer.headers.get('location')).toBe('/ui/stacks');
    }
  });

  test('what is not there is a page for a browser, and a problem for others', async () => {
    const missing = (accept: string, path: string) => fetch(`${the().url}${path}`, { headers: { accept } });
    const page = await missing('text/html', '/nowhere');
    expect([page.status, page.headers.get('content-type')]).toEqual([404, 'text/html; charset=UTF-8']);
    expect(await page.text()).toContain('There is nothing at this address.');
    const problem = await missing('text/html', '/api/v1/nowhere');
    expect(problem.headers.get('content-type')).toBe('application/problem+json');
    expect((await missing('*/*', '/nowhere')).headers.get('content-type')).toBe('application/problem+json');
  });
});
