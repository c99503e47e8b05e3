import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import type { FleetOptions } from '../../support/fleet-rig.ts';
import { hasChromium, launchChromium } from './chromium.ts';
import { startUiRig, type UiRig } from './ui-rig.ts';

export interface Ui extends UiRig {
  url: string;
  /** A window of its own, with no cookie yet. What goes wrong in it fails the test. */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** The same, logged in. */
  enter(options?: BrowserContextOptions & { token?: string }): Promise<Page>;
  /** What went wrong so far, where that was to be; forgotten from then on. */
  takeFaults(): string[];
}

/** Skipped where there is no Chromium (Debian's package `chromium`), unless nothing may be skipped. */
export const describeUi = describe.skipIf(!hasChromium);

/** Registers the hooks of a test file: one fleet and one browser for the file. */
export function useUi(setUp: (ui: Ui) => Promise<void>, options: FleetOptions = {}): () => Ui {
  let ui: Ui | null = null;
  let browser: Browser | null = null;
  const faults: string[] = [];

  beforeAll(async () => {
    const chromium = await launchChromium();
    browser = chromium;
    const rig = await startUiRig(options);
    const { url } = rig.fleet.control;
    const open: Ui['open'] = async (context) => {
      const page = await (await chromium.newContext({ baseURL: url, ...context })).newPage();
      watch(page, url, faults);
      return page;
    };
    ui = {
      ...rig,
      url,
      open,
      takeFaults: () => faults.splice(0),
      enter: async ({ token = rig.token, ...context } = {}) => {
        const page = await open(context);
        await page.goto('/ui/login');
        await logIn(page, token);
        await page.waitForURL('**/ui/stacks');
        return page;
      },
    };
    await setUp(ui);
  }, 180_000);
  afterEach(async () => {
    for (const context of browser?.contexts() ?? []) await context.close();
    expect(faults.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await ui?.close();
  }, 60_000);
  return () => {
    if (!ui) throw new Error('the UI is up only inside tests');
    return ui;
  };
}

export async function logIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('API token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** On the page where a destination is chosen: the target needs room for this stack only. */
export async function forStackAlone(page: Page): Promise<void> {
  await page.locator('summary', { hasText: 'Advanced' }).click();
  await page.getByLabel('As much as this stack uses').check();
}

/** An error in the console, a script that fails, something that is missing, anything of another origin. */
function watch(page: Page, url: string, faults: string[]): void {
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('console', (message) => {
    // A page's own refusal (a 409 shown as a page) is told there too; what a page loads is looked at below.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== url) faults.push(`another origin: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400 && !response.request().isNavigationRequest())
      faults.push(`${response.status()}: ${response.url()}`);
  });
}
