import { createMiddleware } from 'hono/factory';
import type { Authed } from '../auth/authed.ts';

/**
 * Sends HSTS, so that browsers never return to http, where a token or a session could be read. Over https only, as RFC
 * 6797 requires; the headers of an upgrade response are immutable.
 */
export const strictTransport = createMiddleware<Authed>(async (c, next) => {
  await next();
  if (new URL(c.req.url).protocol === 'https:' && c.res.status !== 101)
    c.header('strict-transport-security', `max-age=${yearS}`);
});

const yearS = 365 * 24 * 3_600;
