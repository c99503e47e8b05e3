import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { log } from '../log.ts';
import { authorityProblems } from '../objects/fleet-authority/authority-problems.ts';
import { Problem, problemResponse } from '../problem.ts';
import { isUnavailable } from '../store/query-errors.ts';

/**
 * The single place that turns errors into responses. Errors not meant for clients are logged and answered as
 * `internal`.
 */
export function onError(error: Error, c: Context): Response {
  if (error instanceof Problem) return problemResponse(error.code, error.message, error.extras);
  if (error instanceof StackferryError && error.code !== 'internal') return problemResponse(error.code, error.message);
  if (error instanceof HTTPException && error.status === 400)
    return problemResponse('malformed_json', 'The body is not JSON.');
  log.error('request failed', { request_id: c.get('requestId'), path: c.req.path, error });
  if (Object.values<string>(authorityProblems).includes(error.message))
    return problemResponse('authority_missing', error.message);
  if (isUnavailable(error))
    return problemResponse(
      'control_unavailable',
      "The control plane's database is overloaded or out of reach. It is unknown whether the request took effect: check before you repeat it.",
      { headers: { 'retry-after': String(limits.api.retryAfterS) } },
    );
  return problemResponse(
    'internal',
    'Internal error. The log of the control plane has the details under the "x-request-id".',
  );
}
