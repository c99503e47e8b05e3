import { createMiddleware } from 'hono/factory';
import type { Authed } from '../auth/bearer.ts';

/**
 * Browsers that were here once over https never go back to http, where a token or a session could be read. Said over https
 * only, as RFC 6797 asks; the answer to an upgrade takes no more headers.
 */
export const strictTransport = createMiddleware<Authed>(async (c, next) => {
  await next();
  if (new URL(c.req.url).protocol === 'https:' && c.res.status !== 101)
    c.header('strict-transport-security', `max-age=${yearS}`);
});

const yearS = 365 * 24 * 3_600;
