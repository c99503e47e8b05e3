import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { Member } from '../../cli/local/fleet.ts';
import { describeUi, useUi } from './support/use-ui.ts';

describeUi('every page', () => {
  let hostA: Member;
  let hostB: Member;
  /** Of a migration that has ended. */
  let moved: string;
  let webhook: string;
  const the = useUi(async (ui) => {
    hostA = await ui.addHost('host-a');
    hostB = await ui.addHost('host-b');
    await ui.seed(hostA, 'guestbook');
    const { api } = ui.fleet;
    moved = (await ui.fleet.migrate('guestbook', hostB)).id;
    await ui.fleet.ended(moved);
    webhook = (await api.post<{ id: string }>('/webhooks', { url: 'https://receiver.example/' })).id;
    await api.post('/relays', { name: 'not-joined' });
    await api.post('/tokens', { name: 'deploy', scopes: ['migrate'] });
  });
  const places = () => [
    '/ui/stacks',
    '/ui/stacks/guestbook',
    '/ui/stacks/guestbook/migrate',
    `/ui/stacks/guestbook/migrate/review?target=${hostA.id}&sizing=stack`,
    '/ui/hosts',
    `/ui/hosts/${hostA.id}`,
    `/ui/hosts/${hostB.id}/drain`,
    '/ui/migrations',
    '/ui/migrations?status=failed',
    `/ui/migrations/${moved}`,
    '/ui/drains',
    '/ui/webhooks',
    `/ui/webhooks/${webhook}`,
    '/ui/tokens',
    '/ui/audit',
    '/ui/nowhere',
  ];
  const apiPage = '/api/v1/docs';
  /** What automatic rules find of weight, each with where. */
  const faultsOf = async (page: Page, rules: string[] = []) => {
    await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');
    const axe = new AxeBuilder({ page });
    const { violations } = await (rules.length > 0 ? axe.withRules(rules) : axe).analyze();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical' || impact === 'moderate')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ html }) => `${new URL(page.url()).pathname} ${id}: ${html.slice(0, 200)}`),
      );
  };

  // Dark pages differ in their colours only, and a few have all of them.
  test.each([
    ['light', []],
    ['dark', ['color-contrast']],
  ] as const)('has no fault that axe finds, in %s', { timeout: 180_000 }, async (colorScheme, rules) => {
    const page = await the().enter({ colorScheme });
    const found: string[] = [];
    for (const place of colorScheme === 'light' ? places() : places().slice(0, 6)) {
      await page.goto(place);
      found.push(...(await faultsOf(page, [...rules])));
    }
    await page.goto(apiPage);
    await page.locator('.opblock-summary-control').first().waitFor();
    await page.locator('.opblock-post .opblock-summary-control').first().click();
    await page.locator('.opblock-body .btn.try-out__btn').waitFor();
    found.push(...(await faultsOf(page, [...rules])));
    const stranger = await the().open({ colorScheme });
    await stranger.goto('/ui/login?ended=1');
    found.push(...(await faultsOf(stranger, [...rules])));
    expect(found).toEqual([]);
  });

  test('fits a phone: nothing is wider than the window', async () => {
    const page = await the().enter({ viewport: { width: 360, height: 740 } });
    const wide: string[] = [];
    for (const place of places()) {
      await page.goto(place);
      const width = Number(await page.evaluate('document.documentElement.scrollWidth'));
      if (width > 360) wide.push(`${place}: ${width}`);
    }
    expect(wide).toEqual([]);
  });

  test('on a phone the navigation is a menu, which needs no script and shows what needs attention', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const page = await the().enter({ viewport: { width: 360, height: 740 }, javaScriptEnabled });
      const link = page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Webhooks' });
      expect(await link.isVisible()).toBe(false);
      const bar = await page.locator('.bar').boundingBox();
      expect(bar!.height).toBeLessThan(70);
      await page.getByRole('button', { name: 'Menu' }).click();
      await link.click();
      await page.getByRole('heading', { name: 'Webhooks' }).waitFor();
      expect(await page.getByRole('link', { name: 'Webhooks' }).isVisible()).toBe(false);
    }
    const wide = await the().enter();
    expect(await wide.getByRole('button', { name: 'Menu' }).isVisible()).toBe(false);
    await wide.getByRole('link', { name: 'Webhooks' }).click();
    await wide.waitForURL('**/ui/webhooks');
  });

  test('the API page is dark where the system is, and leads back', async () => {
    const colours = async (colorScheme: 'light' | 'dark') => {
      const page = await the().enter({ colorScheme });
      await page.goto(apiPage);
      await page.locator('.opblock-summary-control').first().waitFor();
      return String(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
    };
    expect(await colours('light')).toBe('rgb(255, 255, 255)');
    expect(await colours('dark')).toBe('rgb(28, 32, 34)');
    const page = await the().enter();
    await page.goto(apiPage);
    await page.getByRole('link', { name: 'Back to Stackferry' }).click();
    await page.waitForURL('**/ui/stacks');
  });

  test('is sent in 150 KB at most, with all that it loads; the API page has its library besides', async () => {
    const page = await the().enter();
    const session = await page.context().newCDPSession(page);
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    const sent: Promise<[url: string, bytes: number]>[] = [];
    page.on('requestfinished', (request) => {
      const bytes = request
        .sizes()
        .then(({ responseBodySize, responseHeadersSize }) => responseBodySize + responseHeadersSize);
      sent.push(bytes.then((many) => [request.url(), many]));
    });
    // Swagger UI, and the document that it shows.
    const library = /\/swagger-ui(-bundle)?\.(js|css)$|\/openapi\.json$/;
    const sum = (of: [string, number][]) => of.reduce((bytes, [, size]) => bytes + size, 0);
    const large: string[] = [];
    for (const place of [...places(), apiPage]) {
      sent.length = 0;
      await page.goto(place, { waitUntil: 'networkidle' });
      const own = (await Promise.all(sent)).filter(([url]) => !library.test(url));
      const [all, files] = [sum(own), sum(own.filter(([url]) => !url.endsWith(place)))];
      expect(all).toBeGreaterThan(0);
      // The pages with thousands of things: test/worker/ui-lists.test.ts.
      if (all > 150_000 || files > 40_000) large.push(`${place}: ${all}, ${files} of it files`);
    }
    expect(large).toEqual([]);
  });

  test('has an icon for each kind of place', async () => {
    const page = await the().enter();
    const icons = await page
      .locator('link[rel$=icon]')
      .evaluateAll((links: { href: string }[]) => links.map(({ href }) => href));
    expect(icons).toHaveLength(3);
    for (const icon of icons) {
      const answer = await page.request.get(icon);
      expect(answer.status()).toBe(200);
      expect(answer.headers()['content-type']).toMatch(/^image\//);
    }
  });

  test('has a title, one main heading, and says in its navigation where one is', async () => {
    const page = await the().enter();
    for (const place of places().filter((one) => one !== '/ui/nowhere')) {
      await page.goto(place);
      expect(await page.title()).toMatch(/ · Stackferry$/);
      expect(await page.locator('h1').count()).toBe(1);
      expect(await page.locator('nav [aria-current=page]').count()).toBe(1);
    }
  });

  test('is reached and used by keyboard alone, from the login to a running migration', {
    timeout: 120_000,
  }, async () => {
    const page = await the().open();
    const press = (key: string) => page.keyboard.press(key);
    /** Tabs on until this has the focus, which must be seen. */
    const reach = async (name: string | RegExp) => {
      for (let tabs = 0; tabs < 80; tabs++) {
        await press('Tab');
        const focused = page.locator(':focus');
        const named = await focused.evaluate((one: { labels?: { textContent: string }[]; textContent: string }) =>
          (one.labels?.[0]?.textContent ?? one.textContent).trim(),
        );
        if (typeof name === 'string' ? named !== name : !name.test(named)) continue;
        expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).not.toBe('none');
        return;
      }
      throw new Error(`${name} is not reached by Tab`);
    };
    await page.goto('/ui/login');
    await press('Tab');
    expect(await page.locator(':focus').textContent()).toContain('Skip to the content');
    await press('Enter');
    await reach('API token');
    await page.keyboard.type(the().token);
    await press('Enter');
    await page.waitForURL('**/ui/stacks');
    await reach('guestbook');
    await press('Enter');
    await page.getByRole('heading', { name: 'guestbook' }).waitFor();
    await reach('Roll back or delete the source');
    await press('Enter');
    await page.waitForURL('**/ui/migrations/mig_*');
    await reach(/^Delete source/);
    await press('Enter');
    await reach(/^Type guestbook/);
    await page.keyboard.type('guestbook');
    await reach('Delete source');
    await press('Enter');
    await page.getByText('What the source kept is deleted.').waitFor();
    await page.goto('/ui/stacks/guestbook');
    await reach('Migrate');
    await press('Enter');
    await page.waitForURL('**/migrate?*');
    await reach(/^Advanced/);
    await press('Enter');
    await reach(/^As much as the whole/);
    await press('ArrowDown');
    await reach('Run pre-flight');
    await press('Enter');
    await page.waitForURL('**/review?*');
    await reach('Migrate to host-a');
    await press('Enter');
    await page.waitForURL('**/ui/migrations/mig_*');
    await page.locator('#state', { hasText: 'completed' }).waitFor({ timeout: 60_000 });
  });
});
