import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import { errorCodeOf } from '../../schema/errors.ts';
import { redactShapes } from '../../schema/redact.ts';
import type { Authed } from '../auth/bearer.ts';
import { clientAddress } from '../auth/client-address.ts';
import { log } from '../log.ts';
import { insertAudit } from '../store/audit.ts';

/**
 * Gives each request an id, and enters each act (everything but reading, and reading a secret) into the audit, refused ones
 * with their code.
 * Entered before the answer leaves: who was told that it was done can find it.
 *
 * Two kinds are left out, so that nobody can fill the table: requests whose credentials name nobody, and all but the
 * first of a flood.
 */
export const audited = createMiddleware<Authed>(async (c, next) => {
  const requestId = crypto.randomUUID();
  c.set('requestId', requestId);
  const at = Date.now();
  await next();
  // The answer to an upgrade takes no more headers.
  if (c.res.status === 101) return;
  c.header('x-request-id', requestId);
  const actor = c.get('actor');
  const code = c.error ? errorCodeOf(c.error) : null;
  const revealing = c.get('revealing');
  if ((readOnly.has(c.req.method) && !revealing) || !actor || (code === 'rate_limited' && !c.get('floodIsNews')))
    return;
  const entry = {
    at,
    request_id: requestId,
    actor,
    act: revealing ?? `${c.req.method} ${templateOf(routePath(c, -1))}`,
    objects: objectsOf(c.req.param(), c.res),
    status: c.res.status,
    code: c.res.headers.has('idempotency-replayed') ? 'replayed' : code,
    address: clientAddress(c),
  };
  await insertAudit(c.env.DB, entry).catch((error) => log.error('an act is missing from the audit', { entry, error }));
});

const readOnly = new Set(['GET', 'HEAD', 'OPTIONS']);

/** `/hosts/:id` as the API's description has it: `/hosts/{id}`. */
const templateOf = (path: string): string => path.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, '{$1}');

/** Ids and names only: what a client put into the path instead of one is not ours to keep. */
function objectsOf(params: Record<string, string>, { headers }: Response): Record<string, string> {
  const created = headers.get('location')?.split('/').at(-1);
  const named = Object.entries({ ...params, ...(created ? { created } : {}) });
  return Object.fromEntries(named.map(([name, value]) => [name, plain.test(value) ? redactShapes(value) : '(no id)']));
}

const plain = /^[\w.-]{1,255}$/;
