import type { Context } from 'hono';
import type { Env } from '../env.ts';

/** The control plane's address in pages, join commands and scripts. */
export const publicOrigin = (c: Pick<Context<{ Bindings: Env }>, 'env' | 'req'>): string =>
  c.env.PUBLIC_URL ?? new URL(c.req.url).origin;
