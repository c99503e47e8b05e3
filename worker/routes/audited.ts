import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import { errorCodeOf } from '../../schema/errors.ts';
import { redactShapes } from '../../schema/redact.ts';
import type { Authed } from '../auth/authed.ts';
import { clientAddress } from '../auth/client-address.ts';
import { log } from '../log.ts';
import { insertAudit } from '../store/audit.ts';
import { traceIdOf } from './trace-id.ts';

/**
 * Gives each request an id, and records each act (every change and every read of a secret) in the audit, refused ones
 * with their code. The entry is written before the response is sent, so a client that got the response can find it.
 *
 * To keep anybody from filling the table, two kinds are left out: requests whose credentials name nobody, and all but
 * the first refusal of a flood.
 */
export const audited = createMiddleware<Authed>(async (c, next) => {
  const requestId = traceIdOf(c.req.raw.headers);
  c.set('requestId', requestId);
  const at = Date.now();
  await next();
  // The headers of an upgrade response are immutable.
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

/** `/hosts/:id` in the notation of OpenAPI: `/hosts/{id}`. */
const templateOf = (path: string): string => path.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, '{$1}');

/** Ids and names only: arbitrary text that a client puts into the path is not stored. */
function objectsOf(params: Record<string, string>, { headers }: Response): Record<string, string> {
  const created = headers.get('location')?.split('/').at(-1);
  const named = Object.entries({ ...params, ...(created ? { created } : {}) });
  return Object.fromEntries(named.map(([name, value]) => [name, plain.test(value) ? redactShapes(value) : '(no id)']));
}

const plain = /^[\w.-]{1,255}$/;
