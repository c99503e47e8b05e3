import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where Debian's package `chromium` puts it. */
const executablePath = process.env.STACKFERRY_CHROMIUM ?? '/usr/bin/chromium';

/** Tests are skipped without one, unless nothing may be skipped. */
export const hasChromium = existsSync(executablePath) || Boolean(process.env.STACKFERRY_REQUIRE_ALL);

export function launchChromium(): Promise<Browser> {
  // Root has no sandbox; what is looked at is our own.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
