import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { limits } from '../../schema/limits.ts';
import { launchChromium } from './support/chromium.ts';
import { startUiRig } from './support/ui-rig.ts';

/** `npm run screenshots`: the main pages into docs/screenshots, from a fleet of embedded hosts with something to show. */
const place = resolve(import.meta.dirname, '../../docs/screenshots');
const mib = 1_048_576;
const desktop = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 390, height: 844 } };
const dark = { colorScheme: 'dark' } as const;

/** Takes a webhook's events. */
const receiver = createServer(
  (request, response) => void request.resume().on('end', () => response.writeHead(204).end()),
);
await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));

const rig = await startUiRig({ vars: { DEVELOPMENT: 'true' } });
const browser = await launchChromium();
const { url, adminToken } = rig.fleet.control;

async function enter(options: BrowserContextOptions): Promise<Page> {
  const page = await (await browser.newContext({ baseURL: url, ...options })).newPage();
  page.setDefaultTimeout(limits.cli.onlineMsMax);
  await page.goto('/ui/login');
  await page.getByLabel('API token').fill(adminToken ?? '');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL('**/ui/stacks');
  return page;
}
const shoot = (page: Page, name: string) => page.screenshot({ path: `${place}/${name}.png`, fullPage: true });

try {
  await rm(place, { recursive: true, force: true });
  await mkdir(place, { recursive: true });
  const { port } = receiver.address() as AddressInfo;
  const hook = await rig.fleet.api.post<{ id: string }>('/webhooks', { url: `http://127.0.0.1:${port}/stackferry` });
  const old = await rig.addHost('old-server');
  const fresh = await rig.addHost('new-server');
  const spare = await rig.addHost('spare');
  for (const [stack, bytes] of [
    ['blog', 4 * mib],
    ['shop', 96 * mib],
    ['wiki', 8 * mib],
  ] as const)
    await rig.seed(old, stack, bytes);
  await rig.fleet.ended((await rig.fleet.migrate('blog', fresh)).id);

  const [wide, night] = [await enter(desktop), await enter({ ...desktop, ...dark })];
  const [small, smallNight] = [await enter(phone), await enter({ ...phone, ...dark })];
  const visit = async (page: Page, path: string, name: string) => {
    await page.goto(path);
    await shoot(page, name);
  };
  await visit(wide, '/ui/stacks', 'stacks');
  await visit(small, '/ui/stacks/blog', 'stack-phone');
  await small.getByRole('button', { name: 'Menu' }).click();
  await small.screenshot({ path: `${place}/menu-phone.png` });
  await visit(night, '/ui/hosts', 'hosts-dark');
  await visit(wide, '/ui/stacks/shop/migrate', 'destination');
  await visit(wide, `/ui/stacks/shop/migrate/review?target=${fresh.id}&sizing=stack`, 'report');

  const { id } = await rig.fleet.migrate('shop', fresh, { bandwidth_limit: 12_000_000 });
  await Promise.all(
    [wide, smallNight].map(async (page) => {
      await page.goto(`/ui/migrations/${id}`);
      await page.locator('.rate', { hasText: '/s' }).waitFor();
    }),
  );
  await shoot(wide, 'live');
  await shoot(smallNight, 'live-phone-dark');
  await rig.fleet.ended(id);
  await night.goto(`/ui/migrations/${id}`);
  await night.locator('summary', { hasText: 'Roll back' }).click();
  await shoot(night, 'rollback-dark');

  await visit(wide, `/ui/hosts/${fresh.id}/drain?target=${spare.id}`, 'drain-plan');
  const drain = await rig.fleet.api.post<{ id: string }>(`/hosts/${fresh.id}/drain`, { max_parallel: 1 });
  await small.goto(`/ui/drains/${drain.id}`);
  await small.locator('.state', { hasText: 'moving' }).first().waitFor();
  await shoot(small, 'drain-phone');
  await visit(wide, `/ui/webhooks/${hook.id}`, 'webhook');
  await visit(wide, '/ui/migrations', 'migrations');
  await night.goto('/api/v1/docs');
  await night.locator('.opblock-summary-control').first().waitFor();
  await night.screenshot({ path: `${place}/api-dark.png` });
} finally {
  await browser.close();
  await rig.close();
  receiver.close();
}
